"""The same recorded load under another policy: what is recorded is believed, and the model tells what it is."""

from __future__ import annotations

import msgspec

from longspan.capabilities.scaling.decide import Decision, Room, explain
from longspan.capabilities.scaling.decide.compare import compare
from longspan.capabilities.scaling.decide.history import Noted, recorded
from longspan.capabilities.scaling.decide.replay import Load, run
from longspan.spec.hours import parse_hours
from longspan.spec.scaling import Policy, Raised
from tests.capabilities.scaling.worlds import NOON, SECOND, World, queue, seen

POLICY = Policy(min=1, max=4)


def life(policy: Policy, ticks: int = 300) -> list[Noted]:
    """What would have been written down, a record for each tick, of a load that rises and falls."""
    world = World(policy, queue(lambda at: 90.0 if 100 <= at < 160 else 10.0))
    notes = []
    for _ in range(ticks):
        before = world.count
        ready = world._ready
        world.tick()
        assert world.last is not None
        shown = world.show(ready, float(world.at))
        notes.append(Noted("read", NOON + world.at * SECOND, recorded([shown], before, world.last, policy)))
    return notes


def test_a_policy_against_itself_comes_to_about_the_same() -> None:
    notes = life(POLICY)
    found = compare(notes, POLICY)
    assert found is not None
    real, same, other = found.totals
    assert same.replica_seconds == other.replica_seconds
    assert abs(same.replica_seconds - real.replica_seconds) < 0.25 * real.replica_seconds
    assert len(found.rows) == len(notes)
    assert found.left_out_seconds == 0


def test_more_replicas_cost_more_and_wait_less() -> None:
    found = compare(life(POLICY), Policy(min=3, max=4))
    assert found is not None
    _, same, other = found.totals
    assert other.replica_seconds > same.replica_seconds
    assert other.worst_wait < same.worst_wait
    assert next(decision.reason for _, _, decision in found.decisions) == "1 -> 3: min is 3"


def test_another_policy_has_no_more_room_than_the_machine_had() -> None:
    def with_room(noted: Noted) -> Noted:
        record = msgspec.structs.replace(noted.record, room=Room(2, "2 of 2 cores are granted"))
        return msgspec.structs.replace(noted, record=record)

    found = compare([with_room(noted) for noted in life(POLICY)], Policy(min=3, max=4))
    assert found is not None
    assert max(row.other_replicas for row in found.rows) == 2
    assert [decision.reason for _, _, decision in found.decisions] == [
        "1 -> 2: min is 3; the machine has no room for a third: so it was recorded"
    ]


def test_what_was_not_recorded_is_told_and_nothing_is_made_of_nothing() -> None:
    notes = life(POLICY, 20)
    found = compare([*notes[:5], *notes[15:]], POLICY)
    assert found is not None
    assert found.left_out_seconds == 10
    assert compare([], POLICY) is None
    blind = Noted("read", NOON, recorded([], 1, Decision(replicas=1, reason="stays"), POLICY))
    assert compare([blind], POLICY) is None


def test_what_does_not_fit_into_the_queue_is_refused_in_the_model_too() -> None:
    loads = [Load(NOON + second * SECOND, 1.0, 1000.0, 0.1, 0.1) for second in range(60)]
    (*_, last) = moments = list(run(loads, Policy(min=1, max=1), 1))
    assert last.refused > 900
    assert last.wait < 60
    assert sum(one.refused for one in moments) < 60_000


def test_a_decision_is_explained_with_its_numbers_and_its_bounds() -> None:
    hours = Raised(parse_hours("mon-sun 00:00-24:00 UTC"), 2)
    policy = Policy(min=1, max=4, schedules=(hours,))
    noted = Noted(
        "read", NOON, recorded([seen(2, cpu=0.9, queue_wait=0.12)], 2, Decision(replicas=3, reason="2 -> 3"), policy)
    )
    assert explain.seen(noted.record) == (
        "over 1 s: 2 of 2 replicas ready",
        "10.0 requests/s",
        "cpu 90% of what a replica is granted (kept at 75%), which needs 3",
        "1.0 requests in flight (no signal of this policy)",
        "queue wait 120 ms (50 ms allowed), which needs 3",
        "20 ms of work a request",
        "95% answered within 30 ms",
    )
    assert explain.rules(noted) == (
        "min 1, max 4; grows by 4 in 6 s at most, shrinks by 1 in 120 s at most",
        "schedule mon-sun 00:00-24:00 UTC: at least 2; holds, and decides",
    )
