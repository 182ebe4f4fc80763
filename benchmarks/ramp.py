"""Does the scaler grow before requests are late? Every growth on a ramp, and when the load had been too much without.

Modelled (`benchmarks.queue_model`), with the scaler's own decider and its default policy. The *lead* of a decision to
grow from n replicas is the time from it until n replicas, held, would first miss the objective on this ramp. A replica
must have started within it. Each ramp comes about in several ways (Poisson, by seeds); when n are too few is judged by
all of them together, the decision by the one that comes last.

::

    python -m benchmarks.ramp     # prints each ramp
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.figures import Figure
from benchmarks.queue_model import Arrivals, Worker, simulate
from benchmarks.queue_model.arrivals import always, made, poisson
from benchmarks.queue_model.outcome import late_from
from benchmarks.queue_model.policy import PolicyScaler
from benchmarks.queue_model.shapes import ramp
from benchmarks.spread import PAIRS, Spread
from longspan.spec.scaling import Policy

SERVICE_SECONDS = 0.02
OBJECTIVE_SECONDS = 0.25
"""Of the 95th percentile: five times what the default policy lets a request wait."""
BUSY = (0.4, 3.4)
"""Replicas that the load keeps busy, before and after the ramp."""
CALM_SECONDS = 40.0
BEYOND = 1.3
"""Replicas that are this many times too few are late by now: the load need not be followed further."""


@dataclass(frozen=True, slots=True)
class Slope:
    """A ramp, and who has to keep up with it."""

    seconds_per_replica: float
    """In so many seconds the load grows by what one replica can do."""
    start_seconds: float
    """Of a replica."""

    @property
    def seconds(self) -> float:
        """How long the load rises."""
        return self.seconds_per_replica * (BUSY[1] - BUSY[0])

    def __str__(self) -> str:
        return f"load of a replica more in {self.seconds_per_replica:g} s, start {self.start_seconds:g} s"


SLOPES = (Slope(15, 1), Slope(40, 2), Slope(90, 10))


def rising(slope: Slope, seed: int) -> Arrivals:
    """Poisson arrivals whose rate rises along a ramp, each of the same work."""
    low, high = (busy / SERVICE_SECONDS for busy in BUSY)
    rate = ramp(low, high, CALM_SECONDS, slope.seconds)
    return made(str(slope), poisson(rate, CALM_SECONDS + slope.seconds, seed, high), always(SERVICE_SECONDS), seed)


def leads(slope: Slope, policy: Policy, seeds: Sequence[int]) -> dict[int, list[float]]:
    """Replicas before a decision to grow -> seconds of lead, one for each seed in which that decision came.

    A growth without which nobody would have been late has no lead.
    """
    loads = [rising(slope, seed) for seed in seeds]
    worker = Worker(start_seconds=slope.start_seconds)
    grown: dict[int, list[float]] = {}
    for load in loads:
        for one in simulate(load, worker, replicas=policy.min, scaler=PolicyScaler(policy)).decided:
            if one.replicas > one.before:
                grown.setdefault(one.before, []).append(one.at)
    found = {}
    for replicas, moments in sorted(grown.items()):
        end = CALM_SECONDS + slope.seconds_per_replica * (BEYOND * replicas - BUSY[0])
        held = [simulate(_until(load, end), worker, replicas=replicas) for load in loads]
        late = late_from(held, OBJECTIVE_SECONDS)
        if late < math.inf:
            found[replicas] = [late - at for at in moments]
    return found


def _until(arrivals: Arrivals, end: float) -> Arrivals:
    count = sum(1 for at in arrivals.at_seconds if at < end)
    at, service = arrivals.at_seconds[:count], arrivals.service_seconds[:count]
    return Arrivals(name=arrivals.name, at_seconds=at, service_seconds=service)


def default() -> Policy:
    """The defaults, with room to grow."""
    return Policy(min=1, max=16)


def figures(seeds: int = PAIRS) -> Iterator[Figure]:
    """For each ramp the shortest leads, and what a start takes longer than the shortest of them: less than nothing."""
    for slope in SLOPES:
        found = leads(slope, default(), range(seeds))
        shortest = [min(each) for each in found.values()]
        yield Figure(f"modelled: {slope}: shortest lead, from 1, 2, ... replicas", "s", Spread.of(shortest))
        over = max(slope.start_seconds - lead for lead in shortest)
        yield Figure(f"modelled: {slope}: start over the shortest lead", "s", Spread.of([over]), 0.0)


if __name__ == "__main__":
    for each in SLOPES:
        print(each)
        for count, of in leads(each, default(), range(PAIRS)).items():
            print(f"  from {count}: lead {', '.join(f'{lead:.1f}' for lead in sorted(of))} s")
