"""Little worlds for a decider: what a unit would show at each count, tick by tick, with a clock turned by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from longspan.capabilities.scaling.decide import Decision, Room, Seen, State, queueing, step
from longspan.spec.scaling import Policy

SECOND = 1_000_000_000
NOON = 1_795_000_000 * SECOND
"""Some moment: UTC nanoseconds since 1970."""

Show = Callable[[int, float], Seen]
"""(ready replicas, seconds since the start) -> what is seen."""


def seen(
    ready: int = 1,
    *,
    at: float = 0.0,
    span: float = 1.0,
    wanted: int | None = None,
    pages: int | None = None,
    arrivals: float | None = 10.0,
    cpu: float | None = 0.2,
    in_flight: float | None = 1.0,
    queue_wait: float | None = 0.0,
    service: float | None = 0.02,
    p95: float | None = 0.03,
) -> Seen:
    """An ordinary second of a unit, but for what is said."""
    return Seen(
        at=NOON + round(at * SECOND),
        span=span,
        wanted=ready if wanted is None else wanted,
        ready=ready,
        pages=ready if pages is None else pages,
        arrivals=arrivals,
        refused=0.0,
        cpu=cpu,
        in_flight=in_flight,
        queue_wait=queue_wait,
        service=service,
        p95=p95,
    )


def queue(rate: Callable[[float], float], service: float = 0.02) -> Show:
    """Replicas that take `service` seconds for each of `rate(seconds)` requests a second, by the formula."""

    def show(ready: int, at: float) -> Seen:
        now = rate(at)
        busy = now * service / ready
        wait = min(queueing.wait(ready, now, service), 2.0)
        held = now * wait + min(busy, 1.0) * ready
        return seen(
            ready, at=at, arrivals=now, cpu=min(busy, 1.0), in_flight=held, queue_wait=wait, service=service,
            p95=service + 3 * wait,
        )  # fmt: skip

    return show


@dataclass
class World:
    """A unit whose replicas are ready `start` ticks after they are wanted."""

    policy: Policy
    show: Show
    count: int = 1
    start: int = 2
    room: Room | None = None
    at: int = 0
    state: State = field(default_factory=State)
    changes: list[tuple[int, int, Decision]] = field(default_factory=list)
    """(tick, count before, decision)."""
    last: Decision | None = None

    def __post_init__(self) -> None:
        self._ready = self.count
        self._coming: list[int] = []

    def run(self, ticks: int) -> World:
        for _ in range(ticks):
            self.tick()
        return self

    def tick(self) -> None:
        self.at += 1
        while self._coming and self._coming[0] <= self.at:
            self._coming.pop(0)
            self._ready += 1
        now = self.show(self._ready, float(self.at))
        self.state, decision = step(self.state, now, self.policy, self.count, room=self.room)
        self.last = decision
        if decision.replicas != self.count:
            self.changes.append((self.at, self.count, decision))
            more = decision.replicas - self.count
            self.count = decision.replicas
            if more > 0:
                self._coming += [self.at + self.start] * more
            for _ in range(-more):
                if self._coming:
                    self._coming.pop()
                else:
                    self._ready -= 1

    def counts(self) -> list[int]:
        return [decision.replicas for _, _, decision in self.changes]


def reasons(world: World) -> Iterator[str]:
    """What was told of each change."""
    return (decision.reason for _, _, decision in world.changes)
