"""When a generation serves, when it has failed, and what a rollback brings back."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from longspan.base.errors import Refused
from longspan.capabilities.generations.decide import SECOND, Judgement, as_held, counted, judge, rollback_target, wanted
from longspan.spec.units import Pins, Unit
from longspan.system.records import (
    Accepted,
    Count,
    GatewaySeen,
    Generation,
    GenerationState,
    Pin,
    Replica,
    ReplicaState,
    Slot,
)
from longspan.wire.orders import Described, Work

NOW = 1_000 * SECOND
ACCEPTED = Accepted(system={}, described=Described(), pins=Pins())


def unit(digest: str, replicas: int = 1, name: str = "hello") -> Unit:
    return Unit(work=Work(unit=name), digest=digest, replicas=replicas, ready_within_seconds=60, settle_seconds=10)


def generation(number: int, state: GenerationState = "pending", **known: int | None) -> Generation:
    made = Generation(number=number, parent=None, author="ada", at=NOW - SECOND, accepted=ACCEPTED, state=state)
    return replace(made, **known)


def replica(state: ReplicaState = "ready", digest: str = "new", number: int = 0, **known: int) -> Replica:
    slot = Slot(unit="hello", slot=number, replica="r", generation=2, digest=digest, since=NOW)
    return Replica(slot=replace(slot, **known), state=state, pid=7)


def gateway(*numbers: int, rejected: str = "") -> GatewaySeen:
    sockets = frozenset(f"run/hello/{number}.sock" for number in numbers)
    return GatewaySeen(pid=1, listening=True, endpoints=sockets, rejected=rejected)


def verdict(pending: Generation, replicas: list[Replica], seen: GatewaySeen, now: int = NOW) -> tuple[str, str]:
    judgement = judge(pending, [unit("new")], frozenset(), replicas, seen, now)
    return judgement.verdict, judgement.reason


def test_it_waits_for_replicas_to_be_ready_and_then_to_be_routed() -> None:
    assert verdict(generation(2), [replica("starting")], gateway()) == (
        "wait",
        "0 of 1 replicas of hello are ready and routed",
    )
    assert verdict(generation(2), [replica()], gateway())[0] == "wait"
    assert verdict(generation(2), [replica()], gateway(0))[0] == "ready"


def test_it_serves_after_it_has_stayed_ready_for_settle() -> None:
    pending = generation(2, ready_at=NOW)
    assert verdict(pending, [replica()], gateway(0), NOW + 9 * SECOND)[0] == "wait"
    assert verdict(pending, [replica()], gateway(0), NOW + 10 * SECOND)[0] == "serve"


def test_a_clock_that_was_set_back_makes_it_settle_anew() -> None:
    assert verdict(generation(2, ready_at=NOW + 3600 * SECOND), [replica()], gateway(0))[0] == "ready"


def test_what_is_carried_over_and_dies_while_the_new_work_settles_keeps_nothing_waiting() -> None:
    both = [unit("new"), unit("old", name="other")]
    settling = generation(2, ready_at=NOW)
    at = NOW + 10 * SECOND
    assert judge(settling, both, frozenset({"old"}), [replica()], gateway(0), at).verdict == "serve"
    assert judge(generation(2), both, frozenset({"old"}), [replica()], gateway(0), NOW).verdict == "wait"


def test_one_that_is_not_ready_within_its_time_has_failed() -> None:
    kind, reason = verdict(generation(2), [replica("starting")], gateway(), NOW + 61 * SECOND)
    assert (kind, reason) == ("fail", "not ready within 60 s: 0 of 1 replicas of hello are ready and routed")


def test_what_an_earlier_generation_of_the_same_work_has_left_dead_fails_nobody() -> None:
    left = replica("dead", number=1, restarts=1, generation=1, died_at=generation(2).at - SECOND)
    settling = generation(2, ready_at=NOW)
    assert verdict(settling, [replica(), left], gateway(0), NOW + 10 * SECOND)[0] == "serve"
    again = replica("dead", number=1, restarts=1, generation=1, died_at=NOW)
    assert verdict(settling, [replica(), again], gateway(0))[0] == "fail"


def test_a_death_while_it_settles_fails_it_at_once() -> None:
    kind, reason = verdict(generation(2, ready_at=NOW), [replica("starting", restarts=1)], gateway(0))
    assert (kind, reason) == ("fail", "replica hello/0 died before it had settled")


def test_an_unready_replica_while_it_settles_fails_it() -> None:
    assert verdict(generation(2, ready_at=NOW), [replica("draining")], gateway(0))[0] == "fail"


def test_a_death_before_it_was_ready_is_tried_again_until_it_is_a_crash_loop() -> None:
    assert verdict(generation(2), [replica("dead", restarts=1, quick_deaths=1)], gateway())[0] == "wait"
    kind, reason = verdict(generation(2), [replica("crash-loop", restarts=3, quick_deaths=3)], gateway())
    assert (kind, reason) == ("fail", "replica hello/0 died 3 times before it was ready")


def test_a_configuration_that_the_gateway_refuses_fails_it() -> None:
    assert verdict(generation(2), [replica()], gateway(0, rejected="no such field"))[0] == "fail"


def test_the_death_of_a_carried_over_replica_is_an_ordinary_restart() -> None:
    died = [replica("dead", "old", restarts=1)]
    assert judge(generation(2), [unit("old")], frozenset({"old"}), died, gateway(), NOW).verdict == "wait"


def test_a_generation_that_replaces_no_process_need_not_settle() -> None:
    judgement = judge(generation(2), [unit("old")], frozenset({"old"}), [replica(digest="old")], gateway(0), NOW)
    assert judgement.verdict == "serve"


def test_unchanged_work_is_carried_over_and_changed_work_runs_beside_the_old() -> None:
    units = {1: [unit("a", name="same"), unit("b")], 2: [unit("a", 3, name="same"), unit("c")]}
    both = wanted(generation(1, "serving"), generation(2), units)
    assert [(w.unit.name, w.unit.digest, w.unit.replicas, w.generation) for w in both] == [
        ("same", "a", 3, 1),
        ("hello", "b", 1, 1),
        ("hello", "c", 1, 2),
    ]


def test_a_count_or_a_pin_says_how_many_and_the_file_only_where_nobody_else_does() -> None:
    units = [unit("a", 2, name=name) for name in ("filed", "counted", "pinned", "once-scaled", "none")]
    counts = {name: Count(unit=name, replicas=5, reason="", at=0) for name in ("counted", "pinned", "once-scaled")}
    pins = {
        "pinned": Pin(unit="pinned", replicas=3, author="ada", at=0, until=NOW + 1),
        "filed": Pin(unit="filed", replicas=9, author="ada", at=0, until=NOW),
        "none": Pin(unit="none", replicas=0, author="ada", at=0, until=NOW + 1),
    }
    most = dict.fromkeys(("counted", "pinned", "none"), 8)
    assert {one.name: one.replicas for one in as_held(units, most, counts, pins, NOW)} == {
        "filed": 2, "counted": 5, "pinned": 3, "once-scaled": 2, "none": 1,
    }  # fmt: skip


def test_a_count_stays_within_the_bounds_of_the_file_whatever_it_was_under_another() -> None:
    units = [unit("a", 3, name="raised"), unit("a", 1, name="lowered")]
    counts = {one.name: Count(unit=one.name, replicas=2, reason="cpu", at=0) for one in units}
    found = counted(units, {"raised": 4, "lowered": 1}, counts, {}, NOW)
    assert [(one.replicas, one.reason) for one in found.values()] == [(3, "2 -> 3: min is 3"), (1, "2 -> 1: max is 1")]
    assert counted(units, {"raised": 4}, {"lowered": counts["lowered"]}, {}, NOW) == {}


def test_what_begins_to_scale_starts_from_what_ran_and_what_runs_scaled_already_does_not() -> None:
    units = [unit("a", 1, name=name) for name in ("fixed", "scaled", "few")]
    counts = {"scaled": Count(unit="scaled", replicas=2, reason="cpu", at=0)}
    most = dict.fromkeys(("fixed", "scaled", "few"), 4)
    found = as_held(units, most, counts, {}, NOW, before={"fixed": 6, "scaled": 3, "few": 1})
    assert {one.name: one.replicas for one in found} == {"fixed": 4, "scaled": 2, "few": 1}
    assert counted(units, most, counts, {"few": 1}, NOW) == counts


def test_more_or_fewer_replicas_while_it_settles_fail_nothing() -> None:
    settling = generation(2, ready_at=NOW)
    told = replica("draining", number=1, stopping_at=NOW + SECOND)
    assert judge(settling, [unit("new")], frozenset(), [replica(), told], gateway(0), NOW + SECOND).verdict == "wait"
    grown = replica("starting", number=1, since=NOW + SECOND)
    growing = judge(settling, [unit("new", 2)], frozenset(), [replica(), grown], gateway(0), NOW + 30 * SECOND)
    assert growing == Judgement("wait", "1 of 2 replicas of hello are ready and routed")
    looping = replica("crash-loop", number=1, since=NOW + SECOND, restarts=3, quick_deaths=3)
    assert judge(settling, [unit("new", 2)], frozenset(), [replica(), looping], gateway(0), NOW).verdict == "fail"


def test_the_first_generation_runs_alone_and_nothing_runs_without_one() -> None:
    assert [w.generation for w in wanted(None, generation(1), {1: [unit("a")]})] == [1]
    assert wanted(None, None, {}) == ()


def served(number: int, at: int, state: GenerationState = "replaced") -> Generation:
    return generation(number, state, served_at=at)


def test_a_rollback_takes_the_last_that_served_before_the_current_one() -> None:
    past = [served(4, 40, "serving"), generation(3, "failed"), served(2, 20), served(1, 10)]
    assert rollback_target(past, past[0], None).number == 2


def test_a_rollback_to_a_number_wants_one_that_served() -> None:
    past = [served(3, 30, "serving"), generation(2, "failed"), served(1, 10)]
    assert rollback_target(past, past[0], 1).number == 1
    with pytest.raises(Refused, match="generation 2 has never served"):
        rollback_target(past, past[0], 2)
    with pytest.raises(Refused, match="there is no generation 9"):
        rollback_target(past, past[0], 9)
    with pytest.raises(Refused, match="no earlier generation that served"):
        rollback_target([served(1, 10, "serving")], served(1, 10, "serving"), None)
