"""From load pages to what is seen of a unit: what their counters have grown by since the tick before.

A page counts from the start of its worker. So each replica is compared with itself, and one that is new with zero; a
page that is not there, or runs backwards, is a missing signal and never a load of nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import add, sub

from longspan.capabilities.scaling.decide.values import Seen
from longspan.system.records import Sample
from longspan.wire.load import BOUNDS_SECONDS, Load
from longspan.wire.orders import Work

_BOUNDS = (*BOUNDS_SECONDS, 2 * BOUNDS_SECONDS[-1])
_NEW_SECONDS = 2.0
"""A worker whose page was not seen before has started within the span, and so much before it at most."""
_EMPTY = Load(endpoints=(), steps=(), cpu_seconds=0.0, started=0, ready=False, connections=0)


class Nature:
    """What there is to know of a unit's work before its pages are read."""

    __slots__ = ("cores", "remote", "serial")

    def __init__(self, work: Work | None = None) -> None:
        steps = [(service.name, step) for service in work.services for step in service.steps] if work else []
        self.remote = frozenset((service, step.name) for service, step in steps if step.unit)
        """(endpoint, step) of those that run in another unit: their time and their queue are not this one's."""
        self.serial = all(step.unit or step.signature.call == "sync" for _, step in steps)
        """Does a replica work on one request, or one batch, at a time?"""
        threads = max([model.threads for model in work.models], default=1) if work else 1
        self.cores = (work.cpu if work else 0.0) or float(threads)
        """Granted to each replica; where nobody said, what its threads can use."""


_UNKNOWN = Nature()


def sight(
    before: Mapping[str, Load],
    samples: Sequence[Sample],
    *,
    at: int,
    span: float,
    wanted: int,
    ready: int,
    nature: Nature | None = None,
) -> Seen:
    """What happened to a unit within the last `span` seconds, that end at `at` (UTC nanoseconds).

    `before`: replica -> its page of the tick before; `samples`: the pages of the ready replicas that have one.
    """
    nature = nature or _UNKNOWN
    grown = [one for one in (_grown(before, sample, at, span, nature) for sample in samples) if one is not None]
    if not grown or span <= 0:
        return Seen(at=at, span=span, wanted=wanted, ready=ready, pages=0)
    done = sum([one.done for one in grown])
    begun = sum([one.begun for one in grown])
    seconds = sum([one.seconds for one in grown])
    oldest = max([one.oldest for one in grown])
    return Seen(
        at=at,
        span=span,
        wanted=wanted,
        ready=ready,
        pages=len(grown),
        arrivals=max(0.0, sum([one.came for one in grown]) / span),
        refused=sum([one.refused for one in grown]) / span,
        cpu=sum([one.cpu for one in grown]) / span / nature.cores / len(grown),
        in_flight=float(sum([one.in_flight for one in grown])),
        queue_wait=sum([one.waited for one in grown]) / begun if begun else oldest,
        service=seconds / done if done and seconds and nature.serial else None,
        p95=_p95([one.buckets for one in grown]),
    )


class _Grown:
    """One replica's counters over the span."""

    __slots__ = ("begun", "buckets", "came", "cpu", "done", "in_flight", "oldest", "refused", "seconds", "waited")

    def __init__(self, old: Load, new: Load, nature: Nature) -> None:
        self.done, self.begun, self.refused, self.waited, held_before = 0, 0, 0, 0.0, 0
        self.in_flight, self.oldest = 0, 0.0
        self.buckets: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
        ends = old.endpoints if len(old.endpoints) == len(new.endpoints) else ()
        answered = 0
        for index, end in enumerate(new.endpoints):
            was = ends[index] if ends else None
            answered += sum(end.requests.values()) - (sum(was.requests.values()) if was else 0)
            self.refused += end.refused - (was.refused if was else 0)
            self.begun += end.begun - (was.begun if was else 0)
            self.waited += end.waited_seconds - (was.waited_seconds if was else 0.0)
            held_before += was.in_flight if was else 0
            self.in_flight += end.in_flight
            self.oldest = max(self.oldest, end.oldest_seconds)
            self.buckets.append((was.duration_buckets if was else (), end.duration_buckets))
        self.came = answered + self.in_flight - held_before
        self.done = answered - self.refused
        self.cpu = new.cpu_seconds - old.cpu_seconds
        self.seconds = _seconds(new, nature) - _seconds(old, nature)
        if nature.remote:
            elsewhere = sum([s.waiting for s in new.steps if (s.endpoint, s.step) in nature.remote])
            self.in_flight = max(0, self.in_flight - elsewhere)

    @property
    def forward(self) -> bool:
        return min(self.done, self.begun, self.refused, self.waited, self.cpu, self.seconds) >= 0


def _grown(before: Mapping[str, Load], sample: Sample, at: int, span: float, nature: Nature) -> _Grown | None:
    new: Load = sample.load
    old = before.get(sample.replica)
    if old is None or old.started != new.started:
        if at - new.started > (span + _NEW_SECONDS) * 1e9:
            return None
        old = _EMPTY
    grown = _Grown(old, new, nature)
    return grown if grown.forward else None


def _seconds(load: Load, nature: Nature) -> float:
    if nature.remote:
        return sum([step.seconds for step in load.steps if (step.endpoint, step.step) not in nature.remote])
    return sum([step.seconds for step in load.steps])


def _p95(grown: Iterable[Sequence[tuple[Sequence[int], Sequence[int]]]]) -> float | None:
    """The bound of the bucket that holds it."""
    counts = [0] * len(_BOUNDS)
    for endpoints in grown:
        for was, now in endpoints:
            if was != now:
                counts = list(map(add, counts, map(sub, now, was) if was else now))
    left = 0.05 * sum(counts)
    if left <= 0:
        return None
    bucket = len(counts) - 1
    while bucket > 0 and counts[bucket] <= left:
        left -= counts[bucket]
        bucket -= 1
    return _BOUNDS[bucket]
