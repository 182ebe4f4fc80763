"""What came of a modelled load: the wait of every request, the replicas at every tick, the decisions."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks.queue_model.arrivals import Arrivals

REFUSED = -1.0
"""Stands for the wait and the response of a request that was refused."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What there was at a tick, just after the decision."""

    at: float
    wanted: int
    ready: int
    in_flight: int
    queued: int
    busy_seconds: float
    """That the replicas of this moment have worked since they started."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A change of the count, and why."""

    at: float
    before: int
    replicas: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Times are seconds. `waits` and `responses` have one entry a request, in the order of the arrivals."""

    arrivals: Arrivals
    waits: array[float] = field(repr=False)
    """From its arrival until it is begun; `REFUSED` when it was refused."""
    responses: array[float] = field(repr=False)
    """From its arrival until it is answered; `REFUSED` when it was refused."""
    moments: tuple[Moment, ...] = field(repr=False)
    decided: tuple[Decided, ...]

    @property
    def refused(self) -> int:
        return sum(wait == REFUSED for wait in self.waits)

    @property
    def mean_wait(self) -> float:
        """Of those that were not refused; NaN when all were."""
        served = [wait for wait in self.waits if wait != REFUSED]
        return math.fsum(served) / len(served) if served else math.nan

    def percentile(self, share: float, start: float = 0.0, end: float = math.inf) -> float:
        """The response time that this share of the requests which came from `start` to before `end` did not exceed.

        A refused request counts as one that is never answered: infinity. NaN when none came.
        """
        at = self.arrivals.at_seconds
        return percentile(self.responses[bisect_left(at, start) : bisect_left(at, end)], share)

    def replica_seconds(self) -> float:
        """What was paid for: the wanted replicas over time, until the last tick."""
        return sum(before.wanted * (after.at - before.at) for before, after in pairwise(self.moments))


def late_from(
    outcomes: Sequence[Outcome], objective: float, *, share: float = 0.95, window: float = 2.0, step: float = 0.25
) -> float:
    """When the `share` percentile of the last `window` seconds first exceeds `objective`; infinity when never.

    `outcomes` are of the same load come about differently (other seeds): their requests are taken together, so that it
    is the load that is judged, and not the chance of one of them. Looked at every `step` seconds, by the requests that
    had come until then, whenever they were answered: what a user meets who comes at that moment.
    """
    end = window
    while end <= max(found.arrivals.seconds for found in outcomes):
        pooled: list[float] = []
        for found in outcomes:
            at = found.arrivals.at_seconds
            pooled += found.responses[bisect_left(at, end - window) : bisect_left(at, end)]
        if percentile(pooled, share) > objective:
            return end
        end += step
    return math.inf


def percentile(responses: Sequence[float], share: float) -> float:
    """Nearest rank, as the load client has it; `REFUSED` counts as infinity."""
    row = sorted(math.inf if value == REFUSED else value for value in responses)
    return row[max(0, math.ceil(share * len(row)) - 1)] if row else math.nan
