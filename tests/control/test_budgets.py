"""What a unit is granted: refused where the machine has less, and a replica that holds more is replaced in time."""

from __future__ import annotations

import pytest

from longspan.base.errors import Refused
from longspan.capabilities.generations import run as generations
from longspan.client.load import Background, Plan, Request
from longspan.control import http
from tests.control.worlds import Running

STEP = """\
KEPT = []


def say(content: bytes) -> str:
    KEPT.append(b"x" * (int(content) << 20))
    return "well"
"""
SETTLED_SECONDS = 61
"""A replica that has been within its budget for so long was given enough."""


def test_more_than_the_machine_has_is_refused_with_the_numbers_and_nothing_is_touched(running: Running) -> None:
    with pytest.raises(Refused, match=r"replicas are granted 250 of \d+(\.\d+)? cores") as refused:
        running.apply(STEP, resources="{cpu: 250}")
    assert refused.value.exit_code == 4
    assert running.world.ledger.generations() == []
    with pytest.raises(Refused, match="1024GiB of"):
        running.file(STEP, resources="{memory: 1TiB}")
        generations.plan(running.world.generations, running.world.ledger, running.now())


def test_a_step_that_leaks_with_each_request_has_its_replica_replaced_under_load_and_none_of_them_fails(
    running: Running,
) -> None:
    accepted = running.apply(STEP, resources="{memory: 200MiB}")
    running.until(lambda: running.state(accepted.number) == "serving")
    [before] = running.world.seen.replicas
    running.ahead_seconds += SETTLED_SECONDS
    plan = Plan(
        address=f"127.0.0.1:{running.port}",
        requests=(Request(path="/v1/services/echo", body=b"1", content_type="application/octet-stream"),),
        rate_per_second=50.0,
        seconds=60.0,
    )
    with Background(plan) as load:
        # A megabyte of each request stays: the budget is used up within seconds.
        running.until(lambda: running.world.seen.memory["echo"].replaced == 1)
        running.until(lambda: [one.slot.slot for one in running.world.seen.replicas] == [1])
        running.until(lambda: not running.world.seen.moving)
    assert load.report.clean, load.report
    [after] = running.world.seen.replicas
    assert (after.slot.restarts, after.state, after.slot.generation) == (0, "ready", before.slot.generation)
    assert before.memory_bytes <= 200 << 20
    assert "holds" in " ".join(running.world.logs.tail("echo", 0))


def test_a_budget_that_no_replica_keeps_is_told_and_nothing_is_churned(running: Running) -> None:
    accepted = running.apply(STEP, resources="{memory: 16MiB}")
    running.until(lambda: running.state(accepted.number) == "serving")
    running.until(lambda: running.world.seen.memory["echo"].trouble)
    [view] = http.status(running.world).units
    assert "is granted 16 MiB: raise resources.memory" in view.memory_trouble
    assert view.memory_guard == "watched"
    [replica] = running.world.seen.replicas
    running.ahead_seconds += SETTLED_SECONDS  # now one is tried, and it is over at once, too
    running.until(lambda: running.world.seen.memory["echo"].replaced == 1 and not running.world.seen.moving)
    running.ahead_seconds += SETTLED_SECONDS  # the next one waits twice as long
    for _ in range(5):
        running.world.trip()
    [other] = running.world.seen.replicas
    assert (other.slot.slot, running.world.seen.memory["echo"].replaced) == (1 - replica.slot.slot, 1)
