"""The one tree of errors: what was wrong, where, and what to do next.

::

    LongspanError                 exit 1   something failed
    |-- Invalid                   exit 2   the file or the command line is wrong; carries Complaints
    |-- Refused                   exit 4   allowed by nobody, or no longer true (`apply --on`)
    |-- Missing                   exit 1   a part this needs is not there (a package, a binary, a port)
    |-- Unreachable               exit 1   control or the gateway does not answer
    `-- RequestError              (status) one request cannot be answered; becomes an OIP error body

Whoever raises says the `problem` (what is wrong), `at` (where: a path in the file, a file name, a
step) and the `remedy` (what to do). Doors (CLI, API, gateway) print the three in one breath and
never a stack trace.
"""

from __future__ import annotations

from dataclasses import dataclass


class LongspanError(Exception):
    """Something failed. `exit_code` is what a command that dies of it returns."""

    exit_code = 1

    def __init__(self, problem: str, *, at: str = "", remedy: str = "") -> None:
        self.problem, self.at, self.remedy = problem, at, remedy
        where = f"{at}: " if at else ""
        hint = f". {remedy}" if remedy else ""
        super().__init__(f"{where}{problem}{hint}")


@dataclass(frozen=True, slots=True, order=True)
class Complaint:
    """One thing that is wrong in a file. `line` and `column` count from 1; 0 means unknown."""

    file: str
    line: int
    column: int
    at: str
    """Dotted path inside the file, such as ``services.hello.replicas``."""
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        hint = f"\n    {self.remedy}" if self.remedy else ""
        return f"{where}: {self.at}{' ' if self.at else ''}{self.problem}{hint}"


class Invalid(LongspanError):
    """The file is wrong: every complaint at once, in the order of the file."""

    exit_code = 2

    def __init__(self, complaints: tuple[Complaint, ...]) -> None:
        self.complaints = tuple(sorted(complaints))
        super().__init__("\n".join(str(complaint) for complaint in self.complaints))


class Refused(LongspanError):
    """Policy, or a condition the caller set, forbids it; nothing has been touched."""

    exit_code = 4


class Missing(LongspanError):
    """A part that this needs is not installed, not free or not there."""


class Unreachable(LongspanError):
    """Control or the gateway does not answer where it should."""


class RequestError(LongspanError):
    """One request cannot be answered. `status` is its HTTP status, `problem` the OIP error text."""

    def __init__(self, status: int, problem: str, *, retry_after_seconds: int | None = None) -> None:
        self.status, self.retry_after_seconds = status, retry_after_seconds
        super().__init__(problem)
