"""An answer that says no -> the error to raise: the `Problem` of control's API and of `once`."""

from __future__ import annotations

import msgspec

from longspan.base.errors import Invalid, LongspanError, Refused
from longspan.client.messages import Problem


def problem_of(status: int, body: bytes) -> Problem:
    """The `Problem` in a body; one made from `status` and the first words of any other body."""
    try:
        return msgspec.json.decode(body, type=Problem)
    except msgspec.DecodeError:
        words = body[:500].decode(errors="replace").strip() or "no body"
        return Problem(title="unexpected answer", status=status, detail=f"control answered {status}: {words}")


def error_of(problem: Problem) -> LongspanError:
    """The error that a command dies of: its `exit_code` is `problem.exit`."""
    if problem.complaints:
        return Invalid(problem.complaints)
    error = (Refused if problem.exit == Refused.exit_code else LongspanError)(
        problem.detail or problem.title, remedy=problem.remedy
    )
    error.exit_code = problem.exit
    return error
