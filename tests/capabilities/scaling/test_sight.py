"""Load pages become what was seen: growth since the last tick, and never a load of nothing where a page is missing."""

from __future__ import annotations

import pytest

from longspan.base.signatures import Signature
from longspan.capabilities.scaling.decide import Nature, Seen, sight
from longspan.system.records import Sample
from longspan.wire.load import BOUNDS_SECONDS, EndpointLoad, Load, StepLoad, bucket
from longspan.wire.orders import Limits, ModelWork, ServiceWork, StepWork, Work
from tests.capabilities.scaling.worlds import NOON, SECOND


def page(
    *,
    ok: int = 0,
    refused: int = 0,
    in_flight: int = 0,
    begun: int = 0,
    waited: float = 0.0,
    oldest: float = 0.0,
    busy: float = 0.0,
    cpu: float = 0.0,
    took: float = 0.01,
    started: int = NOON - 100 * SECOND,
    waiting: int = 0,
) -> Load:
    buckets = [0] * (len(BOUNDS_SECONDS) + 1)
    buckets[bucket(round(took * 1e9))] = ok
    end = EndpointLoad(
        name="hello", requests={200: ok, 503: refused}, in_flight=in_flight, queued=0, refused=refused, timeouts=0,
        cancelled=0, bytes_in=0, bytes_out=0, begun=begun, waited_seconds=waited, oldest_seconds=oldest,
        duration_sum_seconds=0.0, duration_count=ok, duration_buckets=tuple(buckets),
    )  # fmt: skip
    step = StepLoad(
        endpoint="hello", step="one", count=ok, seconds=busy, rows=ok, batches=ok, errors=0, waiting=waiting
    )
    return Load(endpoints=(end,), steps=(step,), cpu_seconds=cpu, started=started, ready=True, connections=0)


def look(before: dict[str, Load], now: dict[str, Load], *, span: float = 2.0, nature: Nature | None = None) -> Seen:
    samples = [Sample(unit="hello", slot=0, replica=name, at=NOON, load=load) for name, load in now.items()]
    return sight(before, samples, at=NOON, span=span, wanted=len(now), ready=len(now), nature=nature)


def work(**step: object) -> Work:
    signature = Signature(inputs={}, outputs={}, call=str(step.pop("call", "sync")))  # type: ignore[arg-type]
    one = StepWork(name="one", repeatable=True, inputs={}, signature=signature, **step)  # type: ignore[arg-type]
    service = ServiceWork(
        name="hello", version="1", inputs={}, outputs={}, steps=(one,), accepts={}, answers={}, limits=Limits()
    )
    return Work(unit="hello", services=(service,))


def test_what_is_seen_is_what_the_counters_have_grown_by() -> None:
    before = {"a": page(ok=100, begun=101, waited=5.0, in_flight=1, cpu=9.0, busy=8.0)}
    now = {"a": page(ok=140, begun=141, waited=5.8, in_flight=3, cpu=10.0, busy=8.8, refused=2)}
    seen = look(before, now)
    assert seen.arrivals == pytest.approx((42 + 2) / 2)
    assert seen.refused == 1.0
    assert seen.cpu == pytest.approx(0.5)
    assert seen.in_flight == 3.0
    assert seen.queue_wait == pytest.approx(0.02)
    assert seen.service == pytest.approx(0.02)
    assert seen.p95 == 0.01
    assert seen.whole


def test_replicas_are_summed_and_their_cpu_is_a_mean() -> None:
    before = {"a": page(), "b": page()}
    seen = look(before, {"a": page(ok=10, in_flight=2, cpu=2.0), "b": page(ok=30, in_flight=5, cpu=1.0)})
    assert (seen.arrivals, seen.in_flight, seen.cpu) == ((40 + 7) / 2, 7.0, 0.75)


def test_a_replica_that_is_new_is_compared_with_zero() -> None:
    seen = look({"old": page(ok=900)}, {"new": page(ok=8, started=NOON - SECOND)})
    assert (seen.arrivals, seen.pages) == (4.0, 1)


def test_a_replica_that_was_not_seen_for_long_is_a_missing_signal_and_no_great_load() -> None:
    seen = look({}, {"a": page(ok=1_000_000)})
    assert (seen.arrivals, seen.cpu, seen.pages, seen.whole) == (None, None, 0, False)


def test_a_slot_whose_page_begins_anew_is_compared_with_zero() -> None:
    seen = look({"a": page(ok=900)}, {"a": page(ok=4, started=NOON - SECOND)})
    assert seen.arrivals == 2.0


def test_counters_that_run_backwards_are_a_missing_signal() -> None:
    seen = look({"a": page(ok=900), "b": page()}, {"a": page(ok=4), "b": page(ok=6)})
    assert (seen.arrivals, seen.pages, seen.ready, seen.whole) == (3.0, 1, 2, False)


def test_where_nothing_was_begun_the_wait_is_that_of_the_oldest() -> None:
    seen = look({"a": page(in_flight=4)}, {"a": page(in_flight=4, oldest=3.5)})
    assert seen.queue_wait == 3.5


def test_a_quiet_unit_is_seen_as_idle_and_whole() -> None:
    seen = look({"a": page(ok=5)}, {"a": page(ok=5)})
    assert (seen.idle, seen.whole, seen.queue_wait, seen.p95) == (True, True, 0.0, None)


def test_what_waits_for_another_unit_is_no_load_of_this_one() -> None:
    nature = Nature(work(unit="hello.one", version="1"))
    seen = look({"a": page()}, {"a": page(ok=10, in_flight=9, waiting=8, busy=5.0)}, nature=nature)
    assert (seen.in_flight, seen.service) == (1.0, None)


def test_a_step_that_awaits_has_no_service_time_since_a_replica_has_many_at_once() -> None:
    nature = Nature(work(run="steps:one", call="async"))
    assert look({"a": page()}, {"a": page(ok=10, busy=50.0)}, nature=nature).service is None


def test_cores_are_those_granted_else_those_that_the_threads_can_use() -> None:
    model = ModelWork(
        name="m",
        version="1",
        threads=4,
        digest="",
        signature=Signature(inputs={}, outputs={}, call="sync"),
        answers=True,
    )
    assert Nature(Work(unit="hello", models=(model,))).cores == 4.0
    assert Nature(Work(unit="hello", models=(model,), cpu=2.0)).cores == 2.0
    assert Nature(work(run="steps:one")).cores == 1.0
