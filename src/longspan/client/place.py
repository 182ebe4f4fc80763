"""Which system is a command about: where is its file, and where is its state?"""

from __future__ import annotations

import getpass
import os
import shlex
import socket
from dataclasses import dataclass
from pathlib import Path

from longspan.base.errors import LongspanError
from longspan.client.control import Control

DEFAULT_FILE = "longspan.yaml"
STATE = ".longspan"
"""Name of the state folder, beside the file, where none is named."""


class NoFile(LongspanError):
    """There is no file where one was looked for: a wrong command line."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Place:
    """A system on this machine. Both paths are as the user sees them, so that messages can be followed."""

    file: Path
    state: Path

    @classmethod
    def named(cls, file: str, state: str) -> Place:
        """`file` as given; `state` as given, or beside the file when empty."""
        return cls(Path(file), Path(state) if state else Path(file).parent / STATE)

    @property
    def words(self) -> str:
        """What a command needs to be told to find this system from here: empty, or `` --file a/b.yaml``."""
        file = [] if str(self.file) == DEFAULT_FILE else ["--file", str(self.file)]
        state = [] if self.state == self.file.parent / STATE else ["--state", str(self.state)]
        return "".join(f" {shlex.quote(word)}" for word in (*file, *state))

    @property
    def control(self) -> Control:
        return Control(self.state)

    @property
    def run(self) -> Path:
        """Sockets of what runs. A system that has stopped in good order has none."""
        return self.state / "run"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    def must_have_file(self) -> None:
        """Raises `NoFile`, which says where it looked."""
        if self.file.is_file():
            return
        problem = "is no file" if self.file.exists() else f"is not there (looked in {self.file.parent.absolute()})"
        remedy = "Go to its folder, name it with --file, or make a first one with longspan init"
        raise NoFile(problem, at=str(self.file), remedy=remedy)

    def must_exist(self) -> None:
        """Raises `NoFile` when there is neither file nor state: nothing to ask about, nothing to stop."""
        if not self.state.is_dir():
            self.must_have_file()


def author() -> str:
    """Who gives orders, for the record: ``user@host``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as containers have
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
