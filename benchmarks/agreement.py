"""How far is the model of a queue from real replicas? The same arrivals through both.

A service whose one step spins for 20 ms of CPU runs under the real command, once with one replica and once with two.
Arrivals that nobody spaces out (Poisson, from a seed) are sent by the load client; meanwhile the load pages tell, four
times a second, how long the step really took. The model then gets those arrivals with those service times. Compared
are the mean wait (the response without the service) and the 95th percentile of the response, as the client saw them.

::

    python -m benchmarks.agreement     # prints each run
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.figures import Figure
from benchmarks.queue_model import Worker, simulate
from benchmarks.queue_model.arrivals import poisson, recorded
from benchmarks.queue_model.outcome import percentile
from benchmarks.queue_model.shapes import steady
from benchmarks.spread import PAIRS, Spread
from benchmarks.system import System
from longspan.client.load import Arrivals, Background, Plan, Request
from longspan.wire import load

BUSY_MILLISECONDS = 20
LOADS = {1: 0.7, 2: 0.5}
"""Replicas -> how busy the arrivals keep them: enough to wait, and on two cores still room for client and gateway."""
SECONDS = 6.0
LOOK_SECONDS = 0.25
"""As often as a worker writes its page."""
WAIT_BOUND = 20.0
TAIL_BOUND = 15.0
"""Percent that the model may be off: what we promise of it."""

FILE = """\
system: {name: agreement}
services:
  spin1: &spin
    replicas: 1
    settle: 1s
    accepts: {"*/*": spin.content}
    answers: {application/octet-stream: spin.same}
    steps:
      spin: {run: "steps:spin", repeatable: true}
  spin2:
    replicas: 2
    settle: 1s
    accepts: {"*/*": spin.content}
    answers: {application/octet-stream: spin.same}
    steps:
      spin: {run: "steps:spin", repeatable: true}
gateway: {port: 0}
""".replace("&spin", "")

STEPS = f"""\
import hashlib
import time
from typing import TypedDict

BLOCK = bytes(1 << 16)


class Spun(TypedDict):
    same: bytes


def spin(content: bytes) -> Spun:
    end = time.thread_time_ns() + {BUSY_MILLISECONDS * 1_000_000}
    while time.thread_time_ns() < end:
        hashlib.sha256(BLOCK)  # Lets the loop run meanwhile, as numpy and onnxruntime do.
    return {{"same": content}}
"""


@dataclass(frozen=True, slots=True)
class Compared:
    """One run, real and modelled. Seconds."""

    replicas: int
    service: float
    """Mean, by the load pages."""
    waits: tuple[float, float]
    """Mean of the real run and of the model."""
    tails: tuple[float, float]
    """95th percentile of the response, real and modelled."""

    @property
    def wait_error(self) -> float:
        """Percent."""
        return 100 * abs(self.waits[1] / self.waits[0] - 1)

    @property
    def tail_error(self) -> float:
        """Percent."""
        return 100 * abs(self.tails[1] / self.tails[0] - 1)


class Watched:
    """The load pages of a unit, read again and again while a load runs: how long its step took, window by window."""

    def __init__(self, system: System, unit: str) -> None:
        self._pages = [str(path) for path in sorted((system.state / "run" / unit).glob("*.load"))]
        self._last = self._read()
        self.windows: list[tuple[float, float]] = []
        """(seconds since the start of the load, mean service time until then)."""

    def look(self, seconds: float) -> None:
        """Close a window. One in which nothing ended is told with the next."""
        now = self._read()
        count, took = now[0] - self._last[0], now[1] - self._last[1]
        if count:
            self.windows.append((seconds, took / count))
            self._last = now

    def _read(self) -> tuple[int, float]:
        steps = [step for path in self._pages if (page := load.read(path)) is not None for step in page.steps]
        return sum(step.count for step in steps), sum(step.seconds for step in steps)


def compared(system: System, replicas: int, seed: int, seconds: float = SECONDS) -> Compared:
    """Send one load to the service with so many replicas, and take its arrivals through the model."""
    rate = LOADS[replicas] * replicas * 1e3 / BUSY_MILLISECONDS
    at, unit = poisson(steady(rate), seconds, seed, rate), f"spin{replicas}"
    plan = Plan(
        address=system.address,
        requests=(Request(path=f"/v1/services/{unit}", body=b"x", content_type="application/octet-stream"),),
        schedule=Arrivals(tuple(at)),
        seconds=seconds,
        new_connection_every=0,
    )
    watched, done = Watched(system, unit), threading.Event()
    with Background(plan) as running:
        while not done.wait(LOOK_SECONDS):
            watched.look(running.seconds)
            if running.seconds > seconds + 2 * LOOK_SECONDS:
                done.set()
    report = running.report
    if not report.clean:
        raise RuntimeError(f"the load was not clean: {report}")
    modelled = simulate(recorded(unit, at, watched.windows), Worker(), replicas=replicas, seed=seed)
    responses = [nanoseconds / 1e9 for nanoseconds in report.nanoseconds]
    service = fmean(modelled.arrivals.service_seconds)
    return Compared(
        replicas,
        service,
        (fmean(responses) - service, modelled.mean_wait),
        (percentile(responses, 0.95), modelled.percentile(0.95)),
    )


@contextlib.contextmanager
def spinning() -> Iterator[System]:
    """The system of both services, serving."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder)) as system:
        system.file.write_text(FILE)
        (system.folder / "steps.py").write_text(STEPS)
        system.up()
        yield system


def figures(runs: int = PAIRS, seconds: float = SECONDS) -> Iterator[Figure]:
    """For one and two replicas: mean wait and 95th percentile of the real runs, and how far the model is from each."""
    with spinning() as system:
        found = {replicas: [compared(system, replicas, seed, seconds) for seed in range(runs)] for replicas in LOADS}
    for replicas, each in found.items():
        of = f"{replicas} replica{'s' if replicas > 1 else ''} of a {BUSY_MILLISECONDS} ms step"
        yield Figure(f"mean wait, {of}, real", "ms", Spread.of([1e3 * one.waits[0] for one in each]))
        yield Figure(
            f"mean wait, {of}, the model is off by", "%", Spread.of([one.wait_error for one in each]), WAIT_BOUND
        )
        yield Figure(f"p95, {of}, real", "ms", Spread.of([1e3 * one.tails[0] for one in each]))
        yield Figure(f"p95, {of}, the model is off by", "%", Spread.of([one.tail_error for one in each]), TAIL_BOUND)


if __name__ == "__main__":
    with spinning() as here:
        for number in range(3):
            for count in LOADS:
                print(compared(here, count, number))
