"""What a running system holds at a moment, as the kernel tells it: processes by their role, and files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.system import System
from longspan.client.messages import Status


@dataclass(frozen=True, slots=True)
class Process:
    """What one process holds. `own_bytes` is its memory with its share of what it has in common with others (PSS)."""

    resident_bytes: int
    own_bytes: int
    descriptors: int
    sockets: int
    threads: int
    callers: int
    """Of the sockets those that are open connections of TCP."""


def process(pid: int) -> Process | None:
    """None when it is gone."""
    place = Path(f"/proc/{pid}")
    try:
        status = _fields(place / "status")
        share = _fields(place / "smaps_rollup")
        links = [_link(place / "fd" / name) for name in os.listdir(place / "fd")]
        calling = _established(place)
        return Process(
            resident_bytes=1024 * status["VmRSS"],
            own_bytes=1024 * share["Pss"],
            descriptors=len(links),
            sockets=sum(link.startswith("socket:") for link in links),
            threads=status["Threads"],
            callers=sum(link in calling for link in links),
        )
    except (OSError, KeyError):  # a zombie has no memory
        return None


@dataclass(frozen=True, slots=True)
class Folder:
    """What stands under a folder. Bytes are what is taken of the disk."""

    files: int
    bytes: int


def folder(path: Path) -> Folder:
    """Of a folder that may change meanwhile; nothing of one that is not there."""
    files = size = 0
    for inside, _, names in os.walk(path):
        for name in names:
            try:
                status = os.lstat(os.path.join(inside, name))
            except OSError:
                continue
            files, size = files + 1, size + status.st_blocks * 512
    return Folder(files, size)


def count(system: System, status: Status, still: str) -> dict[str, float]:
    """Name of a figure -> its value now.

    `still` is the unit whose replicas nobody hurts or changes: only their memory can be followed for long. The others
    live for seconds, and are counted by the mean of those that are ready.
    """
    state = system.state
    found: dict[str, float] = {}
    roles: Mapping[str, Sequence[int | None]] = {
        "control": [status.control.pid],
        "Envoy": [status.gateway.pid],
        "a worker left alone": _ready(status, {still}),
        "a worker, mean": _ready(status, {unit.name for unit in status.units} - {still}),
    }
    for role, pids in roles.items():
        seen = [one for pid in pids if pid and (one := process(pid)) is not None]
        if seen:
            found[f"{role}: memory"] = sum(one.own_bytes for one in seen) / len(seen)
            found[f"{role}: resident"] = sum(one.resident_bytes for one in seen) / len(seen)
            # A load keeps as many connections to the gateway as it ever needed at once: they are its own affair.
            found[f"{role}: descriptors"] = sum(one.descriptors - one.callers for one in seen) / len(seen)
            found[f"{role}: sockets"] = sum(one.sockets - one.callers for one in seen) / len(seen)
            found[f"{role}: threads"] = sum(one.threads for one in seen) / len(seen)
    # Others of the machine use it as well; that it does not grow is all that is asked.
    found["/dev/shm: files"] = folder(Path("/dev/shm")).files
    found["processes"] = len(system.processes())
    found["run/: files"] = folder(state / "run").files
    found["logs/: bytes"] = folder(state / "logs").bytes
    found["ledger: bytes"] = sum(_size(state / f"state.db{suffix}") for suffix in ("", "-wal", "-shm"))
    found["vault/: bytes"] = folder(state / "vault").bytes
    found["cache/: bytes"] = folder(state / "cache").bytes
    found["state: bytes"] = folder(state).bytes
    return found


def _ready(status: Status, units: set[str]) -> list[int | None]:
    return [one.pid for unit in status.units if unit.name in units for one in unit.replicas if one.state == "ready"]


def _fields(path: Path) -> dict[str, int]:
    """``Name:  123 kB`` -> 123, of those lines that hold a number."""
    found = {}
    for line in path.read_text().splitlines():
        name, colon, rest = line.partition(":")
        words = rest.split()
        if colon and words and words[0].isdigit():
            found[name] = int(words[0])
    return found


def _established(place: Path) -> set[str]:
    """The links of open connections of TCP, in the network that the process is in (proc(5), ``net/tcp``)."""
    rows = (line.split() for line in (place / "net" / "tcp").read_text().splitlines()[1:])
    return {f"socket:[{row[9]}]" for row in rows if row[3] == "01"}


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
