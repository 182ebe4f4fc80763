"""What would another policy have done on the load that was recorded?

The recorded arrivals go through a fluid model of the queue, second by second: what comes in is worked off by as many
replicas as there are, each request takes the time it took then, what is beyond that waits, and the wait of a queue
that is not full is that of `queueing`. The decider is the real one, and the machine has room for as many as
it had then. It is a model: the policy that was in force goes through it as well, and by what really happened one may
judge how far to believe it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from longspan.capabilities.scaling.decide import queueing
from longspan.capabilities.scaling.decide.history import Noted
from longspan.capabilities.scaling.decide.limits import Room
from longspan.capabilities.scaling.decide.state import State, step
from longspan.capabilities.scaling.decide.values import Decision, Seen
from longspan.spec.scaling import Policy

STEP_SECONDS = 1.0
START_SECONDS = 2.0
"""From the decision to a replica that serves."""
QUEUE = 256
"""Requests that may wait in a replica (`limits.queue`)."""
_LONGEST_GAP = 130.0
"""Seconds that a record may be apart from the one before; of a longer time too little is known."""
_NEARLY_ALL = 0.99
MOST_STEPS = 100_000
_ROOM = "so it was recorded"


class Load(msgspec.Struct, frozen=True):
    """What came within a while, and what it took."""

    at: int
    span: float
    arrivals: float
    service: float
    """Seconds of a replica for one request."""
    cpu: float
    """The same in granted cores."""
    room: Room | None = None
    """What the machine had room for."""


class Moment(msgspec.Struct, frozen=True):
    """The model at the end of a `Load`. `wait` is the mean of those that came within, in seconds."""

    at: int
    replicas: int
    wait: float
    refused: float
    replica_seconds: float
    changes: tuple[tuple[int, int, Decision], ...] = ()
    """(when, count before, decision) within."""


def recorded(notes: Sequence[Noted]) -> tuple[list[Load], float]:
    """The load in what was recorded, oldest first, and the seconds within of which too little is known."""
    found, left_out, end = [], 0.0, None
    for noted in notes:
        seen = noted.record.seen
        if end is not None and seen is not None:
            left_out += max(0.0, (noted.at - end) / 1e9 - seen.span)
        end = noted.at
        if seen is None or seen.arrivals is None or seen.span > _LONGEST_GAP:
            left_out += seen.span if seen is not None else 0.0
            continue
        found.append(_load(noted.at, seen, noted.record.room))
    return found, left_out


def _load(at: int, seen: Seen, room: Room | None) -> Load:
    rate, ready = seen.arrivals or 0.0, max(1, seen.ready)
    busy = (seen.cpu or 0.0) * ready
    cpu = busy / rate if rate > 0 else 0.0
    service = seen.service
    if service is None:
        service = max(cpu, queueing.inferred(ready, rate, seen.queue_wait or 0.0))
    # How much was granted then follows from the counts of then; only what there was room for holds for others too.
    return Load(at, seen.span, rate, service, cpu, Room(room.replicas, _ROOM) if room is not None else None)


def run(loads: Sequence[Load], policy: Policy, replicas: int) -> Iterator[Moment]:
    """The load under `policy`, beginning with so many replicas; a moment for each load."""
    model = _Model(policy, replicas)
    for load in loads:
        yield model.take(load)


class _Model:
    """Replicas and what waits before them. Times are seconds since the first load."""

    def __init__(self, policy: Policy, replicas: int) -> None:
        self._policy, self._state = policy, State()
        self._wanted = self._ready = replicas
        self._starting: list[float] = []
        self._now = self._queued = 0.0
        self._steps = 0

    def take(self, load: Load) -> Moment:
        count = max(1, round(load.span / STEP_SECONDS))
        span = load.span / count
        waited = refused = paid = 0.0
        changes = []
        for number in range(1, count + 1):
            at = load.at - round((count - number) * span * 1e9)
            seen = self._second(load, at, span)
            waited += (seen.queue_wait or 0.0) * span
            refused += (seen.refused or 0.0) * span
            paid += self._wanted * span
            self._steps += 1
            if self._steps > MOST_STEPS:
                continue
            before = self._wanted
            self._state, decision = step(self._state, seen, self._policy, before, room=load.room)
            if decision.replicas != before:
                changes.append((at, before, decision))
                self._resize(decision.replicas)
        return Moment(load.at, self._wanted, waited / load.span if load.span else 0.0, refused, paid, tuple(changes))

    def _second(self, load: Load, at: int, span: float) -> Seen:
        """What the scaler would have seen of it."""
        self._now += span
        while self._starting and self._starting[0] <= self._now:
            self._starting.pop(0)
            self._ready += 1
        ready, rate, service = self._ready, load.arrivals, load.service
        could = ready / service if service > 0 else math.inf
        before = self._queued
        served = min(could * span, before + rate * span)
        left = before + rate * span - served
        self._queued = min(left, float(QUEUE * ready))
        busy = rate * service / ready
        chance = queueing.wait(ready, rate, service) if busy < _NEARLY_ALL else 0.0
        wait = (before + self._queued) / 2 / could + chance if could < math.inf else 0.0
        return Seen(
            at=at,
            span=span,
            wanted=self._wanted,
            ready=ready,
            pages=ready,
            arrivals=rate,
            refused=(left - self._queued) / span,
            cpu=served / span * load.cpu / ready,
            in_flight=self._queued + rate * chance + served / span * service,
            queue_wait=wait,
            service=service or None,
            p95=service + 3 * wait,
        )

    def _resize(self, replicas: int) -> None:
        more = replicas - self._wanted
        self._wanted = replicas
        if more > 0:
            self._starting += [self._now + START_SECONDS] * more
            return
        for _ in range(-more):
            if self._starting:
                self._starting.pop()
            else:
                self._ready -= 1
