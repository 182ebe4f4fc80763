"""Nothing that is done to a running system fails a request: kills, a dead control, updates good and bad.

Each test runs under the load that `services` names for the kind, by a client that never retries and
judges every answer. Each is run on two systems that differ in both kind and number: the tiny service with two
replicas, and file-type with one. Where the number of replicas decides what saves the requests (another replica,
or waiting for the same one), the test is run for both kinds with one and with two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from benchmarks.system import kill
from longspan.client.load import Background
from longspan.client.messages import Status
from tests.journeys.services import DIES_OF_A_REQUEST, DIES_ONCE_READY, NEVER_READY, Service

CALM_SECONDS = 0.5
BACK_WITHIN_SECONDS = 2.0

SYSTEMS = ["tiny-2", "file-type-1", "tiny-1", "file-type-2"]
on_two = pytest.mark.parametrize("running", SYSTEMS[:2], indirect=True, scope="module")
on_all = pytest.mark.parametrize("running", SYSTEMS, indirect=True, scope="module")


@contextmanager
def under_load(service: Service) -> Iterator[Background]:
    """Load while the block does its worst; then no request may have failed."""
    with Background(service.plan()) as load:
        calm(load)
        yield load
        calm(load)
    assert load.report.clean, f"{load.report}\n{service.system.tails()}"


def calm(load: Background) -> None:
    """Let some requests pass with nothing done to the system."""
    until = load.seconds + CALM_SECONDS
    while load.seconds < until:
        time.sleep(0.02)


@on_all
def test_a_killed_replica_comes_back_and_fails_no_request(served: Service) -> None:
    system = served.system
    with under_load(served) as load:
        victim = system.replicas(served.unit)[0]
        kill(victim.pid)
        load.mark("replica killed")
        system.until("seen dead", lambda status: victim.pid not in _pids(status, served.unit))
        system.until_ready()
        load.mark("replica back")
    restarted = next(one for one in system.replicas(served.unit) if one.slot == victim.slot)
    assert restarted.restarts >= 1


@on_two
def test_a_killed_control_and_its_return_leave_the_replicas_as_they_were(served: Service) -> None:
    system = served.system
    with under_load(served) as load:
        before = system.status()
        kill(before.control.pid)
        load.mark("control killed")
        calm(load)
        after = system.up()
        load.mark("control back")
    assert after.control.pid != before.control.pid
    assert after.gateway.pid == before.gateway.pid
    assert _places(after) == _places(before)


@on_all
def test_an_apply_changes_the_step_and_afterwards_only_the_new_one_answers(served: Service) -> None:
    system, before = served.system, served.system.status()
    with under_load(served) as load:
        applied(served, load)
        calm(load)
        assert served.judge.seen == {served.version}
    after = system.status()
    assert after.generation == (before.generation or 0) + 1
    assert after.failed is None
    assert [system.ask("plan")[0] for _ in range(2)] == [0, 0]


@on_two
@pytest.mark.parametrize("broken", ["never ready", "ready and then dead", "dead of each request"])
def test_an_apply_that_breaks_goes_back_by_itself(served: Service, broken: str) -> None:
    system, before = served.system, served.system.status()
    bad = served.version + 100
    match broken:
        case "never ready":
            served.write(bad, at_start=NEVER_READY)
        case "ready and then dead":
            served.write(bad, at_start=DIES_ONCE_READY)
        case _:
            served.write(bad, at_call=DIES_OF_A_REQUEST)
    with under_load(served) as load:
        served.judge.expect(served.version, bad)
        code, text = system.ask("apply")
        load.mark("apply has failed")
        served.judge.expect(served.version)
        calm(load)
    served.write(served.version)
    assert code == 1, text
    after = system.status()
    assert after.generation == before.generation
    assert after.failed is not None
    assert after.failed.reason
    told = f"generation {after.failed.generation} failed: {after.failed.reason}"
    assert "".join(told.split()) in "".join(text.split())


@on_two
def test_a_rollback_brings_the_last_version_back(served: Service) -> None:
    system, old = served.system, served.version
    with under_load(served) as load:
        applied(served, load)
        served.judge.expect(old, served.version)
        system.run("rollback")
        load.mark("rolled back")
        served.version = old
        served.judge.expect(old)
        calm(load)
        assert served.judge.seen == {old}
    assert system.ask("plan")[0] == 3
    served.write(old)


@on_two
def test_a_killed_gateway_is_back_within_two_seconds(
    served: Service, record_property: Callable[[str, object], None]
) -> None:
    system, envoy = served.system, served.system.status().gateway.pid
    with Background(served.plan()) as load:
        calm(load)
        kill(envoy)
        killed = load.seconds
        load.mark("gateway killed")
        system.until("back with another pid", lambda status: status.gateway.pid not in (None, envoy))
        while load.seconds < killed + BACK_WITHIN_SECONDS + 1:
            time.sleep(0.02)
    report = load.report
    record_property("failed while the gateway was away", report.failed)
    print(f"{report.failed} of {report.due} requests failed while the gateway was away: {report}")
    assert {reason.text.partition(" in the middle")[0] for reason in report.reasons} <= {
        "connection refused",
        "connection reset",
        "connection closed",
    }
    assert report.window(killed + BACK_WITHIN_SECONDS, load.report.seconds).failed == 0, report


def applied(served: Service, load: Background) -> None:
    """Write the next version, apply it, and expect nothing else afterwards."""
    old, served.version = served.version, served.version + 1
    served.write(served.version)
    served.judge.expect(old, served.version)
    served.system.run("apply")
    load.mark(f"version {served.version} applied")
    served.judge.expect(served.version)


def _places(status: Status) -> list[tuple[str, int, int | None, str, int, int]]:
    """All of each replica that stays as it is while it does its work."""
    return [
        (unit.name, one.slot, one.pid, one.state, one.generation, one.restarts)
        for unit in status.units
        for one in unit.replicas
    ]


def _pids(status: Status, unit: str) -> set[int | None]:
    return {one.pid for each in status.units if each.name == unit for one in each.replicas}
