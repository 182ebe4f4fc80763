"""How far is the model of a queue from real replicas? The same arrivals through both.

A service whose one step spins for 20 ms of CPU runs under the real command, once with one replica and once with two.
Arrivals that nobody spaces out (Poisson, from a seed) are sent by the load client; meanwhile the load pages tell, four
times a second, how long the step really took. The model then gets those arrivals with those service times. Compared
are the mean wait (the response without the service) and the 95th percentile of the response, as the client saw them.

::

    python -m benchmarks.agreement                      # prints each run
    python -m benchmarks.agreement --write run.json     # and keeps the arrivals of the last one, for the model
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from benchmarks.figures import Figure
from benchmarks.queue_model import Arrivals as Recorded
from benchmarks.queue_model import Worker, simulate
from benchmarks.queue_model.arrivals import poisson, recorded
from benchmarks.queue_model.outcome import percentile
from benchmarks.queue_model.shapes import steady
from benchmarks.spread import PAIRS, Spread
from benchmarks.system import System
from longspan.client.load import Arrivals, Background, Plan, Request
from longspan.wire import load

BUSY_MILLISECONDS = 20
LOADS = {1: 0.7, 2: 0.6}
"""Replicas -> how busy the arrivals keep them: enough to wait, and on two cores still room for client and gateway."""
SECONDS = 5.0
LOOK_SECONDS = 0.25
"""As often as a worker writes its page."""
WAIT_BOUND = 25.0
TAIL_BOUND = 15.0
"""Percent that the model may be off: what we promise of it."""

FILE = """\
system: {name: agreement}
services:
  spin1:
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
"""

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
    arrivals: Recorded = field(repr=False)
    """As they came, with the service times of the load pages."""

    @property
    def wait_error(self) -> float:
        """Percent."""
        return 100 * abs(self.waits[1] / self.waits[0] - 1)

    @property
    def tail_error(self) -> float:
        """Percent."""
        return 100 * abs(self.tails[1] / self.tails[0] - 1)


@dataclass(frozen=True, slots=True)
class _Counted:
    """What the pages of a unit have counted so far, all replicas together."""

    runs: int
    run_seconds: float
    """In the step itself."""
    held_seconds: float
    """From the beginning of the step until the answer is on its way: with the handing over between thread and loop."""


class Watched:
    """The load pages of a unit, read again and again while a load runs: how long its step took, window by window."""

    def __init__(self, system: System, unit: str) -> None:
        self._pages = [str(path) for path in sorted((system.state / "run" / unit).glob("*.load"))]
        self._first = self._last = self._read()
        self._windows: list[tuple[int, float]] = []

    def look(self) -> None:
        """Close a window. One in which nothing ended is told with the next."""
        now = self._read()
        if count := now.runs - self._last.runs:
            self._windows.append((count, (now.run_seconds - self._last.run_seconds) / count))
            self._last = now

    def windows(self) -> list[tuple[int, float]]:
        """(runs, mean seconds of each) of each window; the handing over, known for all of them only, on each alike."""
        first, last = self._first, self._last
        over = (last.held_seconds - first.held_seconds) - (last.run_seconds - first.run_seconds)
        each = max(0.0, over / (last.runs - first.runs))
        return [(count, mean + each) for count, mean in self._windows]

    def _read(self) -> _Counted:
        pages = [page for path in self._pages if (page := load.read(path)) is not None]
        steps = [step for page in pages for step in page.steps]
        ends = [end for page in pages for end in page.endpoints]
        held = sum(end.duration_sum_seconds - end.waited_seconds for end in ends)
        return _Counted(sum(step.count for step in steps), sum(step.seconds for step in steps), held)


def compared(system: System, replicas: int, seed: int, service: float, seconds: float = SECONDS) -> Compared:
    """Send one load to the service with so many replicas, and take its arrivals through the model.

    `service`: seconds that a request is expected to take, for a rate that keeps the replicas as busy as `LOADS` says.
    """
    rate = LOADS[replicas] * replicas / service
    at, unit = poisson(steady(rate), seconds, seed, rate), f"spin{replicas}"
    plan = Plan(
        address=system.address,
        requests=(Request(path=f"/v1/services/{unit}", body=b"x", content_type="application/octet-stream"),),
        schedule=Arrivals(tuple(at)),
        seconds=seconds,
        new_connection_every=0,
    )
    watched = Watched(system, unit)
    with Background(plan) as running:
        while running.seconds < seconds:
            time.sleep(LOOK_SECONDS)
            watched.look()
    # Answered by now; the page is written within a quarter of a second.
    time.sleep(2 * LOOK_SECONDS)
    watched.look()
    report = running.report
    if not report.clean:
        raise RuntimeError(f"the load was not clean: {report}")
    modelled = simulate(recorded(unit, at, watched.windows()), Worker(), replicas=replicas, seed=seed)
    responses = [nanoseconds / 1e9 for nanoseconds in report.nanoseconds]
    took = fmean(modelled.arrivals.service_seconds)
    return Compared(
        replicas,
        took,
        (fmean(responses) - took, modelled.mean_wait),
        (percentile(responses, 0.95), modelled.percentile(0.95)),
        modelled.arrivals,
    )


def runs(system: System, count: int, seconds: float = SECONDS) -> Iterator[Compared]:
    """So many for each number of replicas, each with arrivals of its own; one number after the other."""
    for replicas in LOADS:
        service = BUSY_MILLISECONDS / 1e3
        for seed in range(count):
            found = compared(system, replicas, seed, service, seconds)
            service = found.service
            yield found


@contextlib.contextmanager
def spinning() -> Iterator[System]:
    """The system of both services, serving."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder)) as system:
        system.file.write_text(FILE)
        (system.folder / "steps.py").write_text(STEPS)
        system.up()
        yield system


def figures(count: int = PAIRS, seconds: float = SECONDS) -> Iterator[Figure]:
    """For one and two replicas: mean wait and 95th percentile of the real runs, and how far the model is from each."""
    with spinning() as system:
        found = list(runs(system, count, seconds))
    for replicas in LOADS:
        each = [one for one in found if one.replicas == replicas]
        of = f"{replicas} replica{'s' if replicas > 1 else ''} of a {BUSY_MILLISECONDS} ms step"
        yield Figure(f"mean wait, {of}, real", "ms", Spread.of([1e3 * one.waits[0] for one in each]))
        off = [one.wait_error for one in each], [one.tail_error for one in each]
        yield Figure(f"mean wait, {of}, the model is off by", "%", Spread.of(off[0]), WAIT_BOUND)
        yield Figure(f"p95, {of}, real", "ms", Spread.of([1e3 * one.tails[0] for one in each]))
        yield Figure(f"p95, {of}, the model is off by", "%", Spread.of(off[1]), TAIL_BOUND)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", type=Path, metavar="FILE.json", help="keep the arrivals of the last run")
    options = parser.parse_args()
    with spinning() as here:
        for each in runs(here, 3):
            print(each)
    if options.write:
        each.arrivals.write(options.write)
