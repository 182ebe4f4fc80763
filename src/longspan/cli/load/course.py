"""How does a load run? Requests in a thread; meanwhile replicas are looked at, and one is killed if so asked."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from longspan.base.errors import LongspanError
from longspan.client.control import Control
from longspan.client.load import Background, Plan, Progress, Report
from longspan.client.messages import ReplicaView, Status

_LOOK_SECONDS = 0.25
_TELL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Look:
    """How many replicas of each unit were ready, so many seconds after the start."""

    at_seconds: float
    ready: dict[str, int]


@dataclass(frozen=True, slots=True)
class Killing:
    """A replica of one of these units is killed, so many seconds after the start."""

    units: frozenset[str]
    at_seconds: float


def run(
    plan: Plan,
    control: Control,
    units: Collection[str],
    killing: Killing | None,
    tell: Callable[[Progress, Look], None],
) -> tuple[Report, tuple[Look, ...]]:
    """The whole course. Ctrl-C ends it early: what has been sent is waited for, and told."""
    looks = [_look(control, units, 0.0)]
    with Background(plan) as load, contextlib.suppress(KeyboardInterrupt):
        while not load.ended:
            if killing and load.seconds >= killing.at_seconds:
                load.mark(_kill(control, killing.units))
                killing = None
            if load.seconds - looks[-1].at_seconds >= _LOOK_SECONDS:
                looks.append(_look(control, units, load.seconds, looks[-1]))
            tell(load.progress(), looks[-1])
            time.sleep(_TELL_SECONDS)
    return load.report, tuple(looks)


def candidates(status: Status, units: Collection[str]) -> list[tuple[str, ReplicaView]]:
    """Ready replicas of these units whose processes are on this machine."""
    return [
        (unit.name, replica)
        for unit in status.units
        if unit.name in units
        for replica in unit.replicas
        if replica.state == "ready" and replica.pid is not None and _is_worker(replica.pid)
    ]


def _look(control: Control, units: Collection[str], at: float, before: Look | None = None) -> Look:
    """What is ready now; what was before, while control cannot be asked: the load goes on."""
    try:
        status = control.status()
    except LongspanError:
        return Look(at, before.ready if before else {})
    counts = {unit.name: sum(r.state == "ready" for r in unit.replicas) for unit in status.units if unit.name in units}
    return Look(at, counts)


def _kill(control: Control, units: Collection[str]) -> str:
    """SIGKILL to a replica, whichever; what was done, in words."""
    try:
        found = candidates(control.status(), units)
    except LongspanError as error:
        return f"nobody killed: {error}"
    random.shuffle(found)
    for unit, replica in found:
        with _held(replica.pid or 0) as descriptor:
            if descriptor is None:
                continue
            try:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            except OSError as error:
                return f"nobody killed: {unit}/{replica.slot} (pid {replica.pid}): {error.strerror}"
            return f"killed {unit}/{replica.slot} (pid {replica.pid})"
    return "nobody killed: no replica was ready"


@contextlib.contextmanager
def _held(pid: int) -> Iterator[int | None]:
    """Hold on to a worker's process, so that another one that gets its pid is never hit; None when it has gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        yield None
        return
    try:
        yield descriptor if _is_worker(pid) else None
    finally:
        os.close(descriptor)


def _is_worker(pid: int) -> bool:
    """Is this a worker, as far as this machine can tell? Control may see other pids than we do."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words: Sequence[bytes] = file.read(1 << 16).split(b"\0")
    except OSError:
        return False
    return b"longspan.serving" in words
