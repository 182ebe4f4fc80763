"""What a system does now is the difference of what its replicas had done then and have done now."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from longspan.client.messages import (
    ControlView,
    EndpointDone,
    GatewayView,
    LoadView,
    ReplicaDone,
    ReplicaView,
    Status,
    StepDone,
    StepView,
    UnitView,
)
from longspan.client.rates import percentile, rates

BOUNDS = (0.001, 0.01, 0.1)
STATUS = Status(
    system="demo", generation=1, url="", control=ControlView(pid=1), gateway=GatewayView(pid=2, version=""),
    units=(
        UnitView(
            name="read", wanted=2, cpu=2.0, memory_bytes=100, reason="cpu 90%",
            replicas=tuple(
                ReplicaView(slot=n, pid=n + 1, state="ready", generation=1, restarts=0, memory_bytes=40 + n)
                for n in (0, 1)
            ),
        ),
    ),
    steps=(
        StepView(service="read", name="cut", unit="read", count=0, errors=0, skipped=0, seconds=0, waiting=0),
    ),
    services=("read",),
)  # fmt: skip


def replica(name: str, answers: int, faults: int = 0, runs: int = 0, cpu: float = 0.0) -> ReplicaDone:
    endpoint = EndpointDone(
        name="read", answers={200: answers, 503: faults, 404: 1}, in_flight=2, queued=1, buckets=(0, answers, 0, faults)
    )
    model = EndpointDone(name="other", answers={200: 1000}, in_flight=9, queued=9, buckets=(1000, 0, 0, 0))
    step = StepDone(
        service="read", name="cut", count=runs, errors=0, skipped=0, seconds=runs * 0.5, waiting=3, cells=runs * 4,
        padding=runs,
    )  # fmt: skip
    return ReplicaDone(
        unit="read", slot=0, replica=name, cpu_seconds=cpu, memory_bytes=0, endpoints=(endpoint, model), steps=(step,)
    )


def look(second: int, *replicas: ReplicaDone) -> LoadView:
    return LoadView(at=f"2026-01-01T00:00:{second:02}+00:00", bounds_seconds=BOUNDS, replicas=replicas)


def test_rates_are_differences_over_the_time_between() -> None:
    before = look(0, replica("a", answers=100, runs=10, cpu=1.0), replica("b", answers=0))
    after = look(2, replica("a", answers=120, faults=2, runs=30, cpu=4.0), replica("b", answers=8, cpu=1.0))
    now = rates(before, after, STATUS)
    (service,), (step,), (unit,) = now.services, now.steps, now.units
    assert now.seconds == 2.0
    assert (service.requests_per_second, service.errors_per_second) == (15.0, 1.0)
    assert (service.in_flight, service.queued) == (4, 2)
    assert 0.001 < service.p50_seconds < 0.01
    assert service.p95_seconds == 0.1
    assert (step.runs_per_second, step.mean_seconds, step.waiting, step.padding) == (10.0, 0.5, 6, 0.25)
    assert (unit.cores, unit.cpu, unit.states) == (2.0, 0.5, {"ready": 2})
    assert (unit.memory_bytes, unit.memory_limit_bytes, unit.reason) == (41, 100, "cpu 90%")


def test_a_new_replica_counts_whole_and_one_that_has_gone_takes_nothing_away() -> None:
    before, after = look(0, replica("old", answers=5000, runs=900)), look(1, replica("new", answers=7, runs=3))
    (service,), (step,) = rates(before, after, STATUS).services, rates(before, after, STATUS).steps
    assert (service.requests_per_second, step.runs_per_second) == (8.0, 3.0)


def test_a_page_that_lost_its_steps_makes_no_rate_negative() -> None:
    one = replica("a", answers=5, runs=900)
    (step,) = rates(look(0, one), look(1, replace(one, steps=())), STATUS).steps
    assert (step.runs_per_second, step.waiting) == (0.0, 0)
    assert math.isnan(step.mean_seconds)


def test_where_nothing_happened_there_is_no_latency_and_without_a_grant_no_share() -> None:
    idle = look(0, replica("a", answers=5))
    bare = replace(STATUS, units=(replace(STATUS.units[0], cpu=0.0),))
    now = rates(idle, look(1, *idle.replicas), bare)
    assert now.services[0].requests_per_second == 0
    values = (now.services[0].p95_seconds, now.steps[0].mean_seconds, now.steps[0].padding, now.units[0].cpu)
    assert all(math.isnan(value) for value in values)


@given(st.lists(st.integers(0, 1000), min_size=4, max_size=4), st.floats(0.01, 1))
def test_a_percentile_lies_in_the_bucket_that_holds_it(buckets: list[int], share: float) -> None:
    value = percentile(buckets, BOUNDS, share)
    if not sum(buckets):
        assert math.isnan(value)
        return
    below = list(accumulate(buckets))
    at = next(n for n, count in enumerate(below) if count >= share * sum(buckets) and buckets[n])
    edges = (0.0, *BOUNDS, BOUNDS[-1])
    assert edges[at] <= value <= edges[at + 1] * (1 + 1e-9)
