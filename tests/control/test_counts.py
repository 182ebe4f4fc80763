"""How many a unit has when its file changes: a count of the scaler neither outlives its time nor is lost under load."""

from __future__ import annotations

import pytest

from longspan.base.errors import Refused
from longspan.capabilities.generations import run as generations
from longspan.control import http
from longspan.system.records import Count, Pin
from tests.control.worlds import Running

STEP = "def say(content: bytes) -> str:\n    return 'well'\n"


def wanted(running: Running) -> tuple[int, str]:
    """How many the unit shall have, and why, as `status` tells it."""
    [view] = http.status(running.world).units
    return view.wanted, view.reason


def serve(running: Running, many: str, resources: str = "{}") -> None:
    accepted = running.apply(STEP, resources=resources, many=many)
    running.until(lambda: running.state(accepted.number) == "serving")
    running.until(lambda: not running.world.seen.moving)


def test_a_service_that_begins_to_scale_starts_from_what_ran_and_one_that_ends_to_is_nobodys_count(
    running: Running,
) -> None:
    serve(running, "replicas: 3")
    serve(running, "scaling: {min: 1, max: 4}")
    assert wanted(running) == (3, "3 ran before it scaled")
    assert len(running.world.seen.replicas) == 3
    assert running.world.notes() == ("echo is scaled to 3 (3 ran before it scaled); the file says 1",)
    serve(running, "replicas: 2")
    assert wanted(running) == (2, "")
    assert running.world.ledger.counts() == {}


def test_another_file_bounds_the_count_before_the_machine_is_asked(running: Running) -> None:
    serve(running, "scaling: {min: 1, max: 4}", "{cpu: 0.1}")
    running.world.ledger.want(Count(unit="echo", replicas=4, reason="1 -> 4: cpu", at=running.now()))
    running.until(lambda: len([one for one in running.world.seen.replicas if one.state == "ready"]) == 4)
    cores = int(running.world.generations.machine().cores)
    # Four of them would be too many; the file wants no more than one.
    serve(running, "scaling: {min: 1, max: 1}", f"{{cpu: {cores}}}")
    assert wanted(running) == (1, "4 -> 1: max is 1")
    with pytest.raises(Refused, match=f"replicas are granted {2 * cores} of {cores} cores"):
        running.apply(STEP, resources=f"{{cpu: {cores}}}", many="scaling: {min: 2, max: 4}")


def test_who_scaled_out_too_far_for_another_file_is_told_how_to_hold_fewer(running: Running) -> None:
    serve(running, "scaling: {min: 1, max: 4}", "{cpu: 0.1}")
    running.world.ledger.want(Count(unit="echo", replicas=4, reason="1 -> 4: cpu", at=running.now()))
    cores = int(running.world.generations.machine().cores)
    with pytest.raises(Refused, match=f"replicas are granted {4 * cores} of {cores} cores") as refused:
        running.apply(STEP, resources=f"{{cpu: {cores}}}", many="scaling: {min: 1, max: 4}")
    assert refused.value.remedy.startswith("Hold fewer for a while with longspan scale; or else: Lower what echo")
    now = running.now()
    running.world.ledger.pin(Pin(unit="echo", replicas=1, author="ada", at=now, until=now + 3600 * 10**9))
    serve(running, "scaling: {min: 1, max: 4}", f"{{cpu: {cores}}}")
    assert wanted(running)[0] == 1


def test_a_pin_that_holds_fewer_hides_nothing_from_the_machine(running: Running) -> None:
    serve(running, "replicas: 1")
    now = running.now()
    running.world.ledger.pin(Pin(unit="echo", replicas=1, author="ada", at=now, until=now + 3600 * 10**9))
    running.file(STEP, resources="{cpu: 1}", many="replicas: 64")
    with pytest.raises(Refused, match="replicas are granted 64 of"):
        generations.plan(running.world.generations, running.world.ledger, running.now())
