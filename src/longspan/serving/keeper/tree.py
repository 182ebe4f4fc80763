"""All processes that a server has started: who they are, and what they hold and use together.

The keeper adopts what the server leaves behind (PR_SET_CHILD_SUBREAPER), so every one of them is below it, however
it has detached itself. Only when the keeper is killed do they lose it: the server dies with it, and what the server
had started is found by its environment when the slot is taken again.

Source: proc_pid_stat(5), proc_pid_environ(5).
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from time import monotonic, process_time_ns
from typing import NamedTuple

MARK = "LONGSPAN_SLOT"
"""The variable by which all processes of a slot are known."""
_TICK_NANOSECONDS = 10**9 // os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = resource.getpagesize()


class Process(NamedTuple):
    """One line of /proc."""

    pid: int
    parent: int
    group: int
    cpu_nanoseconds: int
    """Its own, and that of the children it has waited for."""
    memory_bytes: int


class Tree:
    """The processes below this one."""

    def __init__(self) -> None:
        self._cpu_nanoseconds = 0

    def members(self) -> list[Process]:
        """All that are alive or not yet waited for, this process itself not among them."""
        below: dict[int, list[Process]] = {}
        for process in _processes():
            below.setdefault(process.parent, []).append(process)
        found, look = [], [os.getpid()]
        while look:
            children = below.get(look.pop(), [])
            found += children
            look += [child.pid for child in children]
        return found

    def usage(self) -> tuple[int, int]:
        """CPU nanoseconds and bytes of memory of all, the keeper among them. The first never shrinks.

        Several share pages (a server that forks its workers), so each is counted with its part of them.
        """
        members = self.members()
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = process_time_ns() + int((ended.ru_utime + ended.ru_stime) * 1e9)
        cpu += sum(process.cpu_nanoseconds for process in members)
        self._cpu_nanoseconds = max(self._cpu_nanoseconds, cpu)
        alone = len(members) == 1
        held = sum(process.memory_bytes if alone else _part(process) for process in members)
        own = _stat(os.getpid())
        return self._cpu_nanoseconds, held + (own.memory_bytes if own is not None else 0)

    def kill(self) -> None:
        """SIGKILL to every one."""
        for process in self.members():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, signal.SIGKILL)


def sweep(mark: str) -> int:
    """Kill what a former keeper of the slot left behind; how many there were. Only the holder of its lock may ask."""
    wanted, found = f"{MARK}={mark}".encode(), 0
    for pid in _pids():
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/environ", "rb") as file:
                ours = wanted in file.read().split(b"\0")
            if ours:
                os.kill(pid, signal.SIGKILL)
                found += 1
    return found


class Pace:
    """When to look again, so that looking costs at most a hundredth of a core, on however crowded a machine."""

    LEAST_SECONDS = 1.0

    def __init__(self) -> None:
        self._due = 0.0

    def due(self) -> bool:
        return monotonic() >= self._due

    def looked(self, seconds: float) -> None:
        self._due = monotonic() + max(self.LEAST_SECONDS, 100 * seconds)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _processes() -> Iterator[Process]:
    for pid in _pids():
        if (process := _stat(pid)) is not None:
            yield process


def _stat(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    # After the name in brackets, which may hold anything: state, parent, group, ...
    columns = text[text.rindex(b")") + 2 :].split()
    ticks = sum(int(column) for column in columns[11:15])
    return Process(
        pid=pid,
        parent=int(columns[1]),
        group=int(columns[2]),
        cpu_nanoseconds=ticks * _TICK_NANOSECONDS,
        memory_bytes=int(columns[21]) * _PAGE_BYTES,
    )


def _part(process: Process) -> int:
    try:
        with open(f"/proc/{process.pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    return process.memory_bytes
