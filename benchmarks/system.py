"""A system under the real command, as an outsider meets it: started, changed, hurt and stopped from without.

Journeys, demo and benchmarks share it. Nothing is taken from inside: commands are run, control's
status is read, processes are killed by pid, the kernel is asked what is left.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Self

from longspan.client.control import Control
from longspan.client.messages import ReplicaView, Status

COMMAND = str(Path(sys.executable).parent / "longspan")
COMMAND_SECONDS = 60.0
_TAIL_LINES = 40


class CommandFailed(Exception):
    """A command returned another exit code than the one that was to come; its output is in the text."""


class System:
    """The system of ``longspan.yaml`` in `folder`; its state stands beside it. Leaves nothing when closed.

    `environment` is added to that of the commands, and so to that of all that they start.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.environment = {**os.environ, **(environment or {})}
        self.file = folder / "longspan.yaml"
        self.state = folder / ".longspan"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop what still runs, by ``down --now`` and then by force, whatever happened before."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.run("down", "--now", exits=None, seconds=30)
        if not self.ended():
            for pid in self.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def run(self, *arguments: str, exits: int | None = 0, seconds: float = COMMAND_SECONDS) -> str:
        """Run ``longspan ARGUMENTS`` for this system; what it printed, errors included.

        Raises `CommandFailed` when its exit code is not `exits` (None: any will do), and
        `subprocess.TimeoutExpired` after `seconds`.
        """
        code, text = self.ask(*arguments, seconds=seconds)
        if exits is not None and code != exits:
            raise CommandFailed(f"longspan {' '.join(arguments)} returned {code}, not {exits}:\n{text}\n{self.tails()}")
        return text

    def ask(self, *arguments: str, seconds: float = COMMAND_SECONDS) -> tuple[int, str]:
        """Exit code and output of ``longspan ARGUMENTS``."""
        done = subprocess.run(
            [COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
        return done.returncode, done.stdout.decode(errors="replace")

    def up(self, *arguments: str) -> Status:
        """``longspan up --detach``, and wait until a generation serves and all of it is ready."""
        self.run("up", "--detach", *arguments)
        return self.until("serving", lambda status: status.generation is not None and all_ready(status))

    def status(self) -> Status:
        """What ``longspan status --json`` prints, asked for as the command does, without a process for each look."""
        return Control(self.state).status()

    def replicas(self, unit: str = "") -> list[ReplicaView]:
        """The replicas of a unit, or of all, as `status` shows them."""
        return [one for each in self.status().units if unit in ("", each.name) for one in each.replicas]

    def until(self, what: str, true: Callable[[Status], bool], seconds: float = 30.0) -> Status:
        """Look at `status` until `true` of it. Raises `TimeoutError` with the last one and the logs' tails."""
        end = time.monotonic() + seconds
        while True:
            status = self.status()
            if true(status):
                return status
            if time.monotonic() > end:
                raise TimeoutError(f"not {what} within {seconds:.0f} s: {status}\n{self.tails()}")
            time.sleep(0.05)

    def until_ready(self, seconds: float = 30.0) -> Status:
        """Look until the gateway runs and every unit has as many ready replicas as are wanted."""
        return self.until("all ready", all_ready, seconds)

    @property
    def address(self) -> str:
        """``host:port`` of the gateway."""
        return self.status().url.removeprefix("http://").rstrip("/")

    def change(self, name: str, old: str, new: str) -> None:
        """Replace a text that stands in a file of the folder, as an editor would."""
        path = self.folder / name
        text = path.read_text()
        if old not in text:
            raise ValueError(f"{old!r} does not stand in {path}")
        path.write_text(text.replace(old, new))

    def processes(self) -> list[int]:
        """Every process that works in the system's folder or its state: control, Envoy, replicas, commands."""
        return [pid for pid in _pids() if _works_in(pid, self.folder.resolve())]

    def ended(self, seconds: float = 3.0) -> bool:
        """Wait until no process is left; false when one still is after that time."""
        until = time.monotonic() + seconds
        while self.processes():
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    def tails(self, lines: int = _TAIL_LINES) -> str:
        """The end of each log, for a failure that must be understood."""
        texts = []
        for path in sorted(self.state.glob("logs/**/*")):
            if path.is_file():
                last = path.read_text(errors="replace").splitlines()[-lines:]
                texts.append("\n".join([f"---- {path.relative_to(self.state)}", *last]))
        return "\n".join(texts)


def all_ready(status: Status) -> bool:
    """Does the gateway run, and has every unit exactly the ready replicas that are wanted?"""
    return status.gateway.pid is not None and all(
        len(unit.replicas) == unit.wanted and all(one.state == "ready" for one in unit.replicas)
        for unit in status.units
    )


def kill(pid: int | None) -> None:
    """``kill -9``. Raises `ValueError` for a pid that is none."""
    if not pid:
        raise ValueError("there is no process to kill")
    os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Is there such a process, and is it more than a zombie?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def port_taken(port: int) -> bool:
    """Does anything listen on this port of loopback?"""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port of loopback that nobody held a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def copy_example(name: str, folder: Path) -> Path:
    """Copy ``examples/NAME`` (without state of an earlier run) to ``folder/NAME`` and return that."""
    source = Path(__file__).resolve().parent.parent / "examples" / name
    return Path(shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns(".longspan", "__pycache__")))


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _works_in(pid: int, folder: Path) -> bool:
    try:
        place = Path(os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)"))
        return place.is_relative_to(folder) and alive(pid)
    except OSError:
        return False
