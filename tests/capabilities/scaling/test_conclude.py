"""Growing is quick and says why; taking away is slow, and asks for a whole calm time."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from longspan.capabilities.scaling.decide import Lesson, Room, State, step
from longspan.spec.hours import parse_hours
from longspan.spec.scaling import Policy, Raised
from tests.capabilities.scaling.worlds import NOON, SECOND, World, queue, reasons, seen

DEFAULT = Policy(min=1, max=4)
HELD = Policy(min=1, max=6, cpu=None, queue_wait_seconds=None, in_flight=8.0)


def steady(policy: Policy, count: int, ticks: int = 200, **shown: float | None) -> World:
    return World(policy, lambda ready, at: seen(ready, at=at, **shown), count=count).run(ticks)  # type: ignore[arg-type]


def test_a_spike_adds_replicas_after_one_panic_window_by_default_6_seconds() -> None:
    world = World(DEFAULT, queue(lambda at: 10.0 if at <= 100 else 90.0)).run(110)
    (tick, before, decision), *_ = world.changes
    assert 100 < tick <= 106
    assert (before, decision.replicas > 1) == (1, True)


def test_the_first_seconds_of_a_new_control_decide_nothing() -> None:
    world = World(DEFAULT, queue(lambda _: 200.0)).run(5)
    assert world.changes == []
    assert world.last is not None
    assert world.last.reason == "stays at 1: less than 6 s seen with 1 replica ready"
    assert World(DEFAULT, queue(lambda _: 200.0)).run(6).changes != []


def test_a_little_over_the_set_point_must_last_for_the_stable_window_by_default_60_seconds() -> None:
    world = steady(DEFAULT, 1, cpu=0.78, ticks=59)
    assert world.changes == []
    world.tick()
    assert list(reasons(world)) == ["1 -> 2: cpu 78% of what a replica is granted over the last 60 s needs 2 at 75%"]


def test_a_load_that_has_ended_asks_for_no_more_however_much_it_was() -> None:
    def cpu(at: float) -> float:
        return 0.78 if at < 60 else 0.01

    world = World(DEFAULT, lambda ready, at: seen(ready, at=at, cpu=cpu(at)))
    assert world.run(130).changes == []


def test_a_lull_takes_none_away_until_the_whole_calm_time_is_over_by_default_2_minutes() -> None:
    world = steady(DEFAULT, 3, ticks=119)
    assert world.changes == []
    world.tick()
    assert world.counts() == [2]
    assert next(reasons(world)) == (
        "3 -> 2: calm for 120 s: cpu 20% of what a replica is granted over its busiest 6 s needs 1 at 75%; "
        "shrink takes at most 1 in 120 s"
    )


def test_after_each_that_is_taken_away_calm_counts_anew() -> None:
    assert [tick for tick, _, _ in steady(DEFAULT, 3, ticks=400).changes] == [120, 240]


def test_the_busiest_moment_of_a_calm_time_bounds_what_is_taken_away() -> None:
    def rate(at: float) -> float:
        return 100.0 if 90 <= at < 100 else 5.0

    world = World(Policy(min=1, max=4, shrink=4), queue(rate), count=4).run(150)
    assert world.counts() == [3]
    needs = "needs 3 at 75%"
    assert next(reasons(world)).endswith(
        f"calm for 120 s: cpu 50% of what a replica is granted over its busiest 6 s {needs}"
    )
    assert world.last is not None
    assert world.last.reason == f"stays at 3: cpu 50% of what a replica is granted over 6 s of the last 120 s {needs}"


def test_the_most_demanding_signal_wins_and_is_named_with_its_numbers() -> None:
    policy = Policy(min=1, max=9, cpu=0.75, in_flight=8.0, queue_wait_seconds=0.05)
    world = steady(policy, 2, cpu=0.9, in_flight=23.1, queue_wait=0.01, ticks=6)
    (reason,) = reasons(world)
    assert reason == (
        "2 -> 3: cpu 90% of what a replica is granted over the last 6 s needs 3 at 75%; "
        "requests in flight 23.1 over the last 6 s need 3 at 8 each"
    )
    world = steady(policy, 2, cpu=0.9, in_flight=33.0, queue_wait=0.01, ticks=6)
    assert next(reasons(world)).startswith(
        "2 -> 5: requests in flight 33.0 over the last 6 s need 5 at 8 each; cpu 90%"
    )


def test_grow_bounds_what_one_panic_window_adds() -> None:
    world = steady(Policy(min=1, max=32, cpu=None, queue_wait_seconds=None, in_flight=1.0, grow=2), 1, in_flight=32.0)
    first = world.changes[0][2]
    assert first.replicas == 3
    assert first.reason.endswith("need 32 at 1 each; grow adds at most 2 in 6 s")
    ticks = [tick for tick, _, _ in world.changes]
    assert all(later - earlier >= 6 for earlier, later in pairwise(ticks))


def test_max_is_never_exceeded_and_is_given_as_the_reason() -> None:
    world = steady(HELD, 5, in_flight=90.0, ticks=30)
    assert world.counts() == [6]
    assert next(reasons(world)).endswith("need 12 at 8 each; max is 6")
    assert world.last is not None
    assert world.last.reason.startswith("stays at 6: ")


def test_a_machine_without_room_is_told_as_that() -> None:
    world = World(HELD, lambda ready, at: seen(ready, at=at, in_flight=40.0), count=3)
    world.room = Room(3, "4 of 4 cores are granted")
    world.run(10)
    assert world.changes == []
    assert world.last is not None
    assert world.last.reason == (
        "stays at 3: requests in flight 40.0 over the last 6 s need 5 at 8 each; "
        "the machine has no room for a fourth: 4 of 4 cores are granted"
    )


def test_a_new_limit_of_the_file_is_kept_at_once() -> None:
    state, decision = step(State(), seen(5), Policy(min=1, max=3), 5)
    assert decision.reason == "5 -> 3: max is 3"
    _, decision = step(State(), seen(1), Policy(min=2, max=3), 1)
    assert decision.reason == "1 -> 2: min is 2"
    assert state.lessons == ()


def test_a_schedule_raises_the_least_and_is_named() -> None:
    always = Raised(parse_hours("mon-sun 00:00-24:00 UTC"), 3)
    _, decision = step(State(), seen(1), Policy(min=1, max=4, schedules=(always,)), 1)
    assert (decision.replicas, decision.signal) == (3, "schedule")
    assert decision.reason == "1 -> 3: at least 3, mon-sun 00:00-24:00 UTC"
    world = World(Policy(min=1, max=4, schedules=(always,)), queue(lambda _: 1.0), count=4).run(400)
    assert world.counts() == [3]


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        ("2026-03-28T06:59Z", False),  # a Saturday in winter: 07:59 in Berlin
        ("2026-03-28T07:00Z", True),
        ("2026-03-29T05:59Z", False),  # clocks were set forward in the night: still 07:59
        ("2026-03-29T06:00Z", True),
        ("2026-03-29T15:59Z", True),
        ("2026-03-29T16:00Z", False),
    ],
)
def test_hours_raise_the_least_by_the_clock_of_the_place_before_and_after_it_is_set(moment: str, holds: bool) -> None:
    hours = Raised(parse_hours("sat,sun 08:00-18:00 Europe/Berlin"), 3)
    at = datetime.fromisoformat(moment).timestamp() - NOON / SECOND
    _, decision = step(State(), seen(1, at=at), Policy(min=1, max=4, schedules=(hours,)), 1)
    assert decision.replicas == (3 if holds else 1)


def test_when_its_hours_are_over_a_unit_shrinks_as_ever() -> None:
    end = datetime.fromtimestamp(NOON // SECOND + 200, UTC)
    hours = Raised(parse_hours(f"mon-sun 00:00-{end:%H:%M} UTC"), 3)
    world = World(Policy(min=1, max=4, schedules=(hours,)), queue(lambda _: 1.0)).run(500)
    assert world.counts() == [3, 2, 1]
    over = 200 - end.second
    assert [tick for tick, _, _ in world.changes] == [1, over, over + 120]


def test_who_holds_a_unit_is_told_and_nothing_is_decided() -> None:
    _, decision = step(State(), seen(1, in_flight=99.0), HELD, 2, held="held at 2 by ana until noon")
    assert (decision.replicas, decision.signal) == (2, "pin")
    assert decision.reason == "stays at 2: held at 2 by ana until noon"


def test_a_count_that_was_not_enough_is_not_gone_back_to_until_there_is_clearly_less_to_do() -> None:
    def rate(at: float) -> float:
        return 40.0 if at < 1000 else 30.0

    # One replica would do by the formula, were requests as even as it thinks.
    policy = Policy(min=1, max=4, cpu=None, queue_wait_seconds=None, in_flight=3.0)
    world = World(policy, lambda ready, at: seen(ready, at=at, arrivals=rate(at), in_flight=9.0 if ready == 1 else 2.0))
    world.run(1000)
    assert world.counts()[0] > 1
    assert world.count == 2
    assert world.last is not None
    assert world.last.reason == "stays at 2: 1 replica was not enough at 40.0 requests/s; tried again below 80% of that"
    assert world.state.lessons == (Lesson(1, 40.0, world.state.lessons[0].at),)
    world.run(130)
    assert "2 -> 1: calm" in [reason[:12] for reason in reasons(world)]


def test_a_lesson_that_is_disproved_is_forgotten() -> None:
    state = State(lessons=(Lesson(2, 40.0, 0),))
    for at in range(61):
        state, _ = step(state, seen(2, at=at, arrivals=50.0, cpu=0.5), DEFAULT, 2)
    assert state.lessons == ()


def test_what_starts_already_is_not_asked_for_again_because_of_what_waits_meanwhile() -> None:
    world = World(HELD, lambda ready, at: seen(ready, at=at, in_flight=10.0 * at), start=60).run(40)
    assert len(world.changes) == 1


def test_a_backlog_that_is_being_worked_off_asks_for_no_more() -> None:
    # 40 requests queued before the second replica came; now there are fewer each second.
    def shown(ready: int, at: float) -> float:
        return 16.0 if ready == 1 else max(1.0, 40.0 - 4 * (at - 10))

    world = World(HELD, lambda ready, at: seen(ready, at=at, in_flight=shown(ready, at)))
    assert world.run(40).counts() == [2]


def test_a_replica_that_is_not_there_yet_is_waited_for() -> None:
    world = World(Policy(min=2, max=4), queue(lambda _: 1.0), count=2)
    world._ready = 1
    world.run(20)
    assert world.last is not None
    assert world.last.reason == "stays at 2: 1 of 2 still start"
