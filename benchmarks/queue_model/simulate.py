"""The loop of the model: what happens next, until every request is answered or refused."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Literal, Protocol

from benchmarks.queue_model.arrivals import Arrivals
from benchmarks.queue_model.outcome import REFUSED, Decided, Moment, Outcome
from benchmarks.queue_model.replica import Replica, Worker
from longspan.system.records import Sample

UNIT = "model"
"""What the modelled unit is called in its load pages."""

Kind = Literal["done", "ready", "tick"]


class Scaler(Protocol):
    """Whoever is asked at each tick how many replicas there shall be. It may remember; it is made anew for each run."""

    def __call__(self, at: int, samples: Sequence[Sample], replicas: int) -> tuple[int, str]:
        """The count from now on (at least 1) and its reason.

        `at`: nanoseconds since the start of the arrivals; `samples`: the load page of every replica that is ready and
        stays; `replicas`: the count up to now.
        """


def simulate(
    arrivals: Arrivals,
    worker: Worker = Worker(),
    *,
    replicas: int = 1,
    scaler: Scaler | None = None,
    tick_seconds: float = 1.0,
    calm_seconds: float = 0.0,
    seed: int = 0,
) -> Outcome:
    """Take `arrivals` through `replicas` that are ready at the start, and let `scaler` change their number.

    Ticks go on for `calm_seconds` after the last arrival. The `seed` decides only between replicas that are equally
    busy. Raises `ValueError` when there is no replica to begin with or a scaler wants none.
    """
    if replicas < 1:
        raise ValueError("the model needs at least one replica: it does not start from zero")
    return _Run(arrivals, worker, replicas, scaler, tick_seconds, calm_seconds, random.Random(seed)).outcome()


@dataclass(slots=True)
class _Run:
    arrivals: Arrivals
    worker: Worker
    wanted: int
    scaler: Scaler | None
    tick_seconds: float
    calm_seconds: float
    chance: random.Random
    events: list[tuple[float, int, Kind, Replica | None]] = field(default_factory=list)
    replicas: list[Replica] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    count: int = 0

    def outcome(self) -> Outcome:
        at = self.arrivals.at_seconds
        waits, responses = array("d", bytes(8 * len(at))), array("d", bytes(8 * len(at)))
        for _ in range(self.wanted):
            self._start(0.0).ready = True
        self._at(0.0, "tick", None)
        for number, now in enumerate(at):
            while self.events and self.events[0][0] <= now:
                self._happen(waits, responses)
            self._arrive(number, now, waits, responses)
        while self.events:
            self._happen(waits, responses)
        return Outcome(
            arrivals=self.arrivals,
            waits=waits,
            responses=responses,
            moments=tuple(self.moments),
            decided=tuple(self.decided),
        )

    def _at(self, when: float, kind: Kind, replica: Replica | None) -> None:
        # The count makes the order of what happens at one moment that in which it was foreseen.
        self.count += 1
        heappush(self.events, (when, self.count, kind, replica))

    def _happen(self, waits: array[float], responses: array[float]) -> None:
        now, _, kind, replica = heappop(self.events)
        if replica is None:
            self._tick(now)
        elif kind == "ready":
            replica.ready = not replica.leaving
        else:
            for number in replica.end(now):
                responses[number] = now - self.arrivals.at_seconds[number]
            self._work(replica, now, waits)

    def _arrive(self, number: int, now: float, waits: array[float], responses: array[float]) -> None:
        """To the replica with the fewest requests, as the gateway does; among equals by chance."""
        open_ones = [one for one in self.replicas if one.ready and not one.leaving]
        fewest = min(one.in_flight for one in open_ones)
        equals = [one for one in open_ones if one.in_flight == fewest]
        replica = equals[0] if len(equals) == 1 else self.chance.choice(equals)
        if len(replica.queue) >= self.worker.queue:
            replica.refused += 1
            waits[number] = responses[number] = REFUSED
            return
        replica.queue.append(number)
        if not replica.running:
            self._work(replica, now, waits)

    def _work(self, replica: Replica, now: float, waits: array[float]) -> None:
        if replica.queue:
            took = replica.begin(now)
            for number in replica.running:
                waits[number] = now - self.arrivals.at_seconds[number]
            self._at(now + took, "done", replica)
        elif replica.leaving:
            self.replicas.remove(replica)

    def _tick(self, now: float) -> None:
        seen = [one for one in self.replicas if one.ready and not one.leaving]
        if self.scaler is not None:
            at = round(now * 1e9)
            samples = [
                Sample(unit=UNIT, slot=one.slot, replica=f"{one.slot}@{one.started}", at=at, load=one.page(UNIT, now))
                for one in seen
            ]
            count, reason = self.scaler(at, samples, self.wanted)
            if count < 1:
                raise ValueError(f"the scaler wants {count} replicas at {now:g} s ({reason}); the model needs one")
            if count != self.wanted:
                self.decided.append(Decided(now, self.wanted, count, reason))
                self.wanted = count
                self._resize(now)
        self.moments.append(
            Moment(
                at=now,
                wanted=self.wanted,
                ready=len(seen),
                in_flight=sum(one.in_flight for one in seen),
                queued=sum(len(one.queue) for one in seen),
                busy_seconds=sum(one.busy(now) for one in self.replicas),
            )
        )
        if now + self.tick_seconds <= self.arrivals.seconds + self.calm_seconds:
            self._at(now + self.tick_seconds, "tick", None)

    def _resize(self, now: float) -> None:
        """Keep the ready ones in the lowest slots, as `replicas.decide` does; start what is missing."""
        staying = sorted((one for one in self.replicas if not one.leaving), key=lambda one: (not one.ready, one.slot))
        for one in staying[self.wanted :]:
            one.leaving = True
            if not one.in_flight:
                self.replicas.remove(one)
        for _ in range(self.wanted - len(staying)):
            self._at(now + self.worker.start_seconds, "ready", self._start(now))

    def _start(self, now: float) -> Replica:
        taken = {one.slot for one in self.replicas}
        slot = next(number for number in range(len(taken) + 1) if number not in taken)
        times = self.arrivals.at_seconds, self.arrivals.service_seconds
        replica = Replica(slot, now, self.worker, *times)
        self.replicas.append(replica)
        return replica
