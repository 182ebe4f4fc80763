"""How soon does a replica that is asked for answer? From the count being written to the first answer that it gives.

Under a steady load a unit is held at two replicas instead of one, as `longspan scale` does it; each answer tells the
process that gave it. What the replica itself took to start (from the start of its process until its socket stood) is
taken off: what is left is ours, the seeing of the count, the starting of the process, and the routing.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.spread import PAIRS, Spread
from benchmarks.system import System, all_ready
from longspan.client.load import Answer, Background, Plan, Request
from longspan.client.messages import Status
from longspan.client.scaling import ScaleOrder, ScalingControl

BOUND_SECONDS = 0.5
RATE = 100.0
UNIT = "who"

FILE = """\
system: {name: replica}
services:
  who:
    settle: 1s
    accepts: {"*/*": answer.content}
    answers: {application/json: answer.pid}
    steps:
      answer: {run: "steps:answer", repeatable: true}
gateway: {port: 0}
"""
STEPS = """\
import os
from typing import Annotated, TypedDict

import numpy as np
from numpy.typing import NDArray

from longspan import Shape


class Answered(TypedDict):
    pid: Annotated[NDArray[np.int64], Shape(1)]


def answer(content: bytes) -> Answered:
    return {"pid": np.array([os.getpid()])}
"""


@dataclass(frozen=True, slots=True)
class Added:
    """Seconds."""

    answered: float
    """From the count being written until the first answer of the new replica."""
    started: float
    """From the start of its process until it listened."""


class First:
    """A checker that keeps when each process answered first."""

    def __init__(self) -> None:
        self.at_ns: dict[int, int] = {}
        """Pid -> `time.monotonic_ns`."""

    def __call__(self, answer: Answer) -> str:
        self.at_ns.setdefault(int(answer.body.strip(b"[]")), answer.done_ns)
        return ""


def added(system: System, control: ScalingControl, first: First) -> Added:
    """Hold the unit at two replicas, see the second one answer, and let it go again."""
    known = {one.pid for one in system.replicas(UNIT)}
    seconds = 60.0
    held = control.scale(ScaleOrder(unit=UNIT, replicas=2, for_seconds=seconds, author="bench"))
    written = datetime.fromisoformat(held.until).timestamp() - seconds
    system.until("two ready", lambda status: all_ready(status) and _count(status) == 2)
    (new,) = [one for one in system.replicas(UNIT) if one.pid not in known]
    assert new.pid is not None
    while new.pid not in first.at_ns:
        time.sleep(0.01)
    # A socket is renamed to its place when its worker listens, and that is the last change of its inode.
    listened = (system.state / "run" / UNIT / f"{new.slot}.sock").stat().st_ctime
    began = _began(new.pid)
    answered = first.at_ns[new.pid] / 1e9 + time.time() - time.monotonic()
    control.unscale(UNIT)
    system.until("one again", lambda status: _count(status) == 1)
    return Added(answered - written, listened - began)


def _count(status: Status) -> int:
    return sum(len(unit.replicas) for unit in status.units)


def _began(pid: int) -> float:
    """When a process was started, in seconds since 1970: the kernel keeps it in ticks since boot."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")


def figures(runs: int = PAIRS) -> Iterator[Figure]:
    """The time until a new replica answers, what it took to start, and what comes on top of that."""
    first = First()
    with tempfile.TemporaryDirectory() as folder, System(Path(folder)) as system:
        system.file.write_text(FILE)
        (system.folder / "steps.py").write_text(STEPS)
        system.up()
        request = Request(path=f"/v1/services/{UNIT}", body=b"x", content_type="application/octet-stream")
        plan = Plan(address=system.address, requests=(request,), rate_per_second=RATE, seconds=600, check=first)
        with Background(plan) as load:
            found = [added(system, ScalingControl(system.state), first) for _ in range(runs)]
    if not load.report.clean:
        raise RuntimeError(f"the load was not clean: {load.report}")
    yield Figure("a replica more, from the count to its first answer", "s", Spread.of([one.answered for one in found]))
    yield Figure("a replica more, its own start", "s", Spread.of([one.started for one in found]))
    over = [one.answered - one.started for one in found]
    yield Figure("a replica more, over its own start", "s", Spread.of(over), BOUND_SECONDS)
