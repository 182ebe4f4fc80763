"""What does a system do now? The difference of two answers of ``GET /v1/load``, by service, step and unit.

Pure. A replica that was not there before has done all of its counts since, and one that has gone since is left out,
so that no rate is negative. Latency is measured inside the workers: it counts waiting there, but not the gateway.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from longspan.client.messages import EndpointDone, LoadView, ReplicaDone, Status, StepDone

_FAULTS = 500
"""Statuses from here on are ours; those below are about what was asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceRate:
    name: str
    requests_per_second: float
    """Answers of any status."""
    errors_per_second: float
    """Those of them with 500 and above."""
    p50_seconds: float
    """NaN where nothing was answered; so is `p95_seconds`. Exact to the width of a bucket, three to a decade."""
    p95_seconds: float
    in_flight: int
    queued: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StepRate:
    service: str
    name: str
    unit: str
    """The unit that runs it."""
    runs_per_second: float
    mean_seconds: float
    """NaN where it was not run."""
    waiting: int
    padding: float
    """Share of its padded inputs that is padding; NaN where none is padded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitRate:
    name: str
    wanted: int
    reason: str
    """Why that many, where somebody said."""
    states: dict[str, int]
    """State -> replicas in it."""
    cores: float
    """Used by its replicas together."""
    cpu: float
    """Share of the cores granted to them that they use; NaN where none were granted."""
    memory_bytes: int
    """Of the largest replica."""
    memory_limit_bytes: int
    """What one may hold; 0: nobody said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """`seconds`: between the two answers."""

    seconds: float
    services: tuple[ServiceRate, ...]
    steps: tuple[StepRate, ...]
    units: tuple[UnitRate, ...]


def rates(before: LoadView, after: LoadView, status: Status) -> Rates:
    """What happened between two answers, in the order of `status`, which tells what there is."""
    seconds = max(1e-3, (datetime.fromisoformat(after.at) - datetime.fromisoformat(before.at)).total_seconds())
    old = {replica.replica: replica for replica in before.replicas}
    pairs = [(old.get(replica.replica), replica) for replica in after.replicas]
    return Rates(
        seconds=seconds,
        services=tuple(_service(name, pairs, seconds, after.bounds_seconds) for name in status.services),
        steps=tuple(_step(step.service, step.name, step.unit, pairs, seconds) for step in status.steps),
        units=tuple(_units(status, pairs, seconds)),
    )


_Pairs = Sequence[tuple[ReplicaDone | None, ReplicaDone]]


def _service(name: str, pairs: _Pairs, seconds: float, bounds: Sequence[float]) -> ServiceRate:
    def own(replica: ReplicaDone) -> Iterable[EndpointDone]:
        return (endpoint for endpoint in replica.endpoints if endpoint.name == name)

    answers: Counter[int] = Counter()
    buckets = [0] * (len(bounds) + 1)
    for before, after in pairs:
        for replica, sign in ((after, 1), (before, -1)):
            for endpoint in own(replica) if replica else ():
                answers.update({status: sign * count for status, count in endpoint.answers.items()})
                buckets = [sum_ + sign * count for sum_, count in zip(buckets, endpoint.buckets, strict=True)]
    return ServiceRate(
        name=name,
        requests_per_second=sum(answers.values()) / seconds,
        errors_per_second=sum(count for status, count in answers.items() if status >= _FAULTS) / seconds,
        p50_seconds=percentile(buckets, bounds, 0.5),
        p95_seconds=percentile(buckets, bounds, 0.95),
        in_flight=sum(endpoint.in_flight for _, after in pairs for endpoint in own(after)),
        queued=sum(endpoint.queued for _, after in pairs for endpoint in own(after)),
    )


def _step(service: str, name: str, unit: str, pairs: _Pairs, seconds: float) -> StepRate:
    def total(counter: Callable[[StepDone], float]) -> float:
        # Not below 0: of a page whose work is not wanted any more, the steps are not known.
        return sum(max(0.0, _own(after, counter) - (_own(before, counter) if before else 0)) for before, after in pairs)

    def _own(replica: ReplicaDone, counter: Callable[[StepDone], float]) -> float:
        return sum(counter(step) for step in replica.steps if (step.service, step.name) == (service, name))

    runs, cells = total(lambda step: step.count), total(lambda step: step.cells)
    return StepRate(
        service=service,
        name=name,
        unit=unit,
        runs_per_second=runs / seconds,
        mean_seconds=total(lambda step: step.seconds) / runs if runs else math.nan,
        waiting=round(sum(_own(after, lambda step: step.waiting) for _, after in pairs)),
        padding=total(lambda step: step.padding) / cells if cells else math.nan,
    )


def _units(status: Status, pairs: _Pairs, seconds: float) -> Iterable[UnitRate]:
    for unit in status.units:
        mine = [(before, after) for before, after in pairs if after.unit == unit.name]
        cores = sum(after.cpu_seconds - (before.cpu_seconds if before else 0.0) for before, after in mine) / seconds
        running = sum(replica.pid is not None for replica in unit.replicas)
        yield UnitRate(
            name=unit.name,
            wanted=unit.wanted,
            reason=unit.reason,
            states=dict(Counter(replica.state for replica in unit.replicas)),
            cores=cores,
            cpu=cores / (unit.cpu * running) if unit.cpu and running else math.nan,
            memory_bytes=max((replica.memory_bytes for replica in unit.replicas), default=0),
            memory_limit_bytes=unit.memory_bytes,
        )


def percentile(buckets: Sequence[int], bounds: Sequence[float], share: float) -> float:
    """The value that this share of the observations did not exceed, evenly spread within each bucket; NaN of none.

    `buckets` are not cumulative, one more than `bounds`; for one beyond the last bound, that bound is given.
    """
    wanted, below, lower = share * sum(buckets), 0, 0.0
    if not wanted:
        return math.nan
    for count, upper in zip(buckets, bounds, strict=False):
        if count and below + count >= wanted:
            return lower + (upper - lower) * (wanted - below) / count
        below, lower = below + count, upper
    return bounds[-1]
