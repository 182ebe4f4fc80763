"""What status and metrics tell of load pages: each step once, wherever it runs, and every counter with its unit."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from longspan.base.metrics import render
from longspan.base.signatures import Signature
from longspan.capabilities.replicas.api import loads, readings, reason, steps, views
from longspan.capabilities.replicas.api.metrics import METRICS
from longspan.client.messages import LoadView, StepView
from longspan.control.snapshot import Memory
from longspan.spec.units import Unit
from longspan.system.records import Count, Pin, Replica, Sample, Slot, Wanted
from longspan.wire.load import BOUNDS_SECONDS, EndpointLoad, Load, StepLoad
from longspan.wire.orders import Limits, ServiceWork, StepWork, Work

NOTHING = Signature(inputs={}, outputs={})
NOW = 1_700_000_000 * 10**9


def step(name: str, unit: str = "") -> StepWork:
    return StepWork(name=name, unit=unit, repeatable=True, inputs={}, signature=NOTHING)


def service(name: str, *steps: StepWork, internal: bool = False) -> ServiceWork:
    return ServiceWork(
        name=name, version="1", inputs={}, outputs={}, steps=steps, accepts={}, answers={}, limits=Limits(),
        internal=internal,
    )  # fmt: skip


def wanted(service: ServiceWork, replicas: int = 1, generation: int = 1, **more: Any) -> Wanted:
    work = Work(unit=service.name, services=(service,), cpu=more.pop("cpu", 0.0))
    unit = Unit(
        work=work, digest=work.digest(), replicas=replicas, ready_within_seconds=60, settle_seconds=10, **more
    )  # fmt: skip
    return Wanted(unit=unit, generation=generation)


def replica(of: Wanted, slot: int = 0) -> Replica:
    name = of.unit.name
    known = Slot(
        unit=name, slot=slot, replica=f"{name}-{slot}", generation=of.generation, digest=of.unit.digest, since=NOW
    )
    return Replica(slot=known, state="ready", pid=100 + slot)


def page(of: Replica, *done: StepLoad, memory: int = 0, cpu: float = 0.0, answers: int = 0) -> Sample:
    endpoint = EndpointLoad(
        name=of.unit, requests={200: answers}, in_flight=3, queued=2, refused=0, timeouts=0, cancelled=0, bytes_in=0,
        bytes_out=0, begun=answers, waited_seconds=0.5, oldest_seconds=0.25, duration_sum_seconds=1.0,
        duration_count=answers, duration_buckets=(answers,) + (0,) * len(BOUNDS_SECONDS),
    )  # fmt: skip
    load = Load(
        endpoints=(endpoint,), steps=done, cpu_seconds=cpu, started=NOW, ready=True, connections=1, memory_bytes=memory
    )
    return Sample(unit=of.unit, slot=of.slot.slot, replica=of.slot.replica, at=NOW, load=load)


def ran(endpoint: str, name: str, **counters: Any) -> StepLoad:
    none = {"count": 0, "seconds": 0.0, "rows": 0, "batches": 0, "errors": 0}
    return StepLoad(endpoint=endpoint, step=name, **(none | counters))


FUSED = wanted(service("read", step("cut"), step("letters")))
ENTRY = wanted(service("read", step("cut"), step("letters", unit="read.letters")), generation=2)
APART = wanted(service("read.letters", step("letters"), internal=True), replicas=2, generation=2, cpu=2.0)


def seen(wants: tuple[Wanted, ...], *pages: tuple[Replica, Sample]) -> tuple[tuple[StepView, ...], LoadView]:
    load = loads(wants, [one for one, _ in pages], [sample for _, sample in pages], BOUNDS_SECONDS, NOW)
    return steps(wants, load), load


def test_a_fused_step_is_the_sum_of_its_replicas() -> None:
    pages = []
    for slot in (0, 1):
        one = replica(FUSED, slot)
        cut = ran("read", "cut", count=10, seconds=0.5, waiting=1, errors=1, cells=100, padding=25)
        pages.append((one, page(one, cut, ran("read", "letters", skipped=4))))
    shown, _ = seen((FUSED,), *pages)
    assert shown == (
        StepView(
            service="read", name="cut", unit="read", count=20, errors=2, skipped=0, seconds=1.0, waiting=2, padding=0.25
        ),
        StepView(service="read", name="letters", unit="read", count=0, errors=0, skipped=8, seconds=0.0, waiting=0),
    )


def test_a_step_apart_counts_its_runs_where_it_runs_and_its_failures_where_they_are_felt() -> None:
    entry, apart = replica(ENTRY), replica(APART)
    called = ran("read", "letters", count=30, seconds=9.0, errors=2, waiting=5, skipped=1, cells=10, padding=1)
    run = ran("read.letters", "letters", count=58, seconds=4.0, errors=1, waiting=3)
    shown, _ = seen((ENTRY, APART), (entry, page(entry, called)), (apart, page(apart, run)))
    assert [one.name for one in shown] == ["cut", "letters"]
    assert shown[1] == StepView(
        service="read", name="letters", unit="read.letters", count=58, errors=2, skipped=1, seconds=4.0, waiting=5,
        padding=0.1,
    )  # fmt: skip


def test_while_a_fusion_plan_changes_each_page_is_read_by_the_work_of_its_replica() -> None:
    old, new, apart = replica(FUSED), replica(ENTRY, slot=1), replica(APART)
    pages = (
        (old, page(old, ran("read", "letters", count=100, seconds=1.0))),
        (new, page(new, ran("read", "letters", count=7, seconds=7.0))),
        (apart, page(apart, ran("read.letters", "letters", count=7, seconds=3.0))),
    )
    shown, _ = seen((FUSED, ENTRY, APART), *pages)
    assert [(one.name, one.unit, one.count, one.seconds) for one in shown] == [
        ("cut", "read", 0, 0.0),
        ("letters", "read.letters", 107, 4.0),
    ]


def test_a_page_whose_work_nobody_wants_tells_of_its_process_but_of_no_step() -> None:
    old = replica(FUSED)
    _, load = seen((ENTRY,), (old, page(old, ran("read", "cut", count=5), memory=1 << 20, cpu=2.5)))
    (done,) = load.replicas
    assert (done.steps, done.memory_bytes, done.cpu_seconds) == ((), 1 << 20, 2.5)
    assert load.at.startswith("2023-11-14T22:13:20")


def test_a_unit_tells_what_it_is_granted_and_what_its_replicas_hold() -> None:
    budget = wanted(service("read.letters", step("letters"), internal=True), cpu=2.0, memory_bytes=1 << 30)
    one = replica(budget)
    _, load = seen((budget,), (one, page(one, memory=700 << 20)))
    memory = {"read.letters": Memory(guard="cgroup", replaced=3, trouble="no help")}
    (unit,) = views((budget,), [one], lambda *_: (), load, {"read.letters": "because"}, memory)
    assert (unit.cpu, unit.memory_bytes, unit.memory_guard, unit.reason) == (2.0, 1 << 30, "cgroup", "because")
    assert (unit.memory_replaced, unit.memory_trouble) == (3, "no help")
    assert unit.replicas[0].memory_bytes == 700 << 20
    (plain,) = views((FUSED,), [replica(FUSED)], lambda *_: ())
    assert (plain.cpu, plain.memory_bytes, plain.memory_guard, plain.reason) == (0.0, 0, "", "")


def test_a_process_that_is_gone_holds_no_memory() -> None:
    dead = replace(replica(FUSED), state="dead", pid=None)
    _, load = seen((FUSED,), (dead, page(dead, memory=700 << 20)))
    (unit,) = views((FUSED,), [dead], lambda *_: (), load)
    assert unit.replicas[0].memory_bytes == 0


@pytest.mark.parametrize(
    ("count", "pin", "said"),
    [
        (None, None, ""),
        (Count(unit="read", replicas=3, reason="cpu 90%", at=NOW), None, "cpu 90%"),
        (
            Count(unit="read", replicas=3, reason="cpu 90%", at=NOW),
            Pin(unit="read", replicas=5, author="ann@host", at=NOW, until=NOW + 1),
            "pinned by ann@host until 2023-11-14 22:13:20Z",
        ),
        (
            Count(unit="read", replicas=3, reason="cpu 90%", at=NOW),
            Pin(unit="read", replicas=5, author="ann@host", at=NOW - 5, until=NOW),
            "cpu 90%",
        ),
    ],
)
def test_the_reason_of_a_count_is_the_pin_that_holds_else_the_scaler(
    count: Count | None, pin: Pin | None, said: str
) -> None:
    assert reason(count, pin, NOW) == said


def test_every_metric_that_is_declared_is_told() -> None:
    one = replica(FUSED)
    done = ran("read", "cut", count=3, waiting=2, cells=10, padding=4, skipped=1)
    memory = {"read": Memory(guard="watched", replaced=2)}
    told = render(readings((FUSED,), [one], [page(one, done, memory=5, answers=4)], BOUNDS_SECONDS, memory))
    for metric in METRICS:
        assert f"# TYPE {metric.name} {metric.kind}" in told
    for line in (
        'longspan_requests_begun_total{unit="read",slot="0",endpoint="read"} 4',
        'longspan_request_wait_seconds_total{unit="read",slot="0",endpoint="read"} 0.5',
        'longspan_request_wait_oldest_seconds{unit="read",slot="0",endpoint="read"} 0.25',
        'longspan_step_waiting{unit="read",slot="0",endpoint="read",step="cut"} 2',
        'longspan_step_skipped_total{unit="read",slot="0",endpoint="read",step="cut"} 1',
        'longspan_step_cells_total{unit="read",slot="0",endpoint="read",step="cut"} 10',
        'longspan_step_padding_cells_total{unit="read",slot="0",endpoint="read",step="cut"} 4',
        'longspan_replicas_replaced_for_memory_total{unit="read"} 2',
        'longspan_worker_memory_bytes{unit="read",slot="0"} 5',
    ):
        assert line in told.splitlines()
