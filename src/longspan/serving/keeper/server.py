"""The server as a process: started in a group of its own, never outliving its keeper, stopped with all it has started.

Sources: PR_SET_PDEATHSIG(2const), PR_SET_CHILD_SUBREAPER(2const).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from time import monotonic, sleep

from longspan.base.errors import LongspanError
from longspan.serving.keeper.tree import Tree

KILLED_WITHIN_SECONDS = 5.0
"""Only what the kernel cannot end, or what belongs to another user, lives longer."""
_PDEATHSIG, _CHILD_SUBREAPER = 1, 36


class Server:
    """One started server and the processes below it."""

    def __init__(self, command: Sequence[str], folder: str, environment: Mapping[str, str]) -> None:
        """Start `command` in `folder`; it writes to the keeper's own output.

        Raises `LongspanError` that names the command when there is none such.
        """
        self.tree = Tree()
        self.status: int | None = None
        """Once it has ended: its exit code, or minus the signal that ended it."""
        libc, keeper = ctypes.CDLL(None, use_errno=True), os.getpid()
        libc.prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)

        def before() -> None:
            libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != keeper:  # it died before we could ask for that
                os._exit(1)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)

        try:
            child = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                process_group=0,
                # One thread runs here, so between fork and exec Python code is safe.
                preexec_fn=before,  # noqa: PLW1509
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise LongspanError(_why(command[0], folder, error), remedy=_remedy(command[0])) from None
        self._child = child
        self.pid = child.pid

    def ended(self) -> bool:
        """Has it ended? Waits for whatever else has: what the server leaves behind is the keeper's."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid == self.pid:
                    self.status = self._child.returncode = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def signal(self, number: signal.Signals) -> None:
        """To its whole group, unless it has ended: then the number of the group may be somebody else's."""
        if not self.ended():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def kill(self) -> None:
        """SIGKILL to all that it has started, wherever they have gone; returns when none is left, or soon after."""
        until = monotonic() + KILLED_WITHIN_SECONDS
        while (not self.ended() or self.tree.members()) and monotonic() < until:
            self.signal(signal.SIGKILL)
            self.tree.kill()
            sleep(0.002)

    def words(self) -> str:
        """How it ended."""
        if self.status is None:
            return "it runs"
        if self.status >= 0:
            return f"exit code {self.status}"
        return f"signal {-self.status} ({signal.strsignal(-self.status) or 'unknown'})"


def _why(command: str, folder: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        there = os.path.exists(os.path.join(folder, command)) if "/" in command else False
        return f"cannot start {command}: " + (
            "what its first line names to run it is not there" if there else "there is no such command"
        )
    if isinstance(error, PermissionError):
        return f"cannot start {command}: it is not executable"
    return f"cannot start {command}: {error.strerror if isinstance(error, OSError) else error}"


def _remedy(command: str) -> str:
    if "/" in command:
        return "It is a path in the folder of the file: is it there, executable, and not named in .gitignore?"
    return "It is looked for on the PATH of who started Longspan; write ./NAME for a file beside longspan.yaml"
