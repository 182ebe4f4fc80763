"""Where nothing changes, the reason that decided is told first, with its numbers, and is never that all is well when
it is not."""

from __future__ import annotations

from longspan.capabilities.scaling.decide import State, step
from longspan.spec.scaling import Policy
from tests.capabilities.scaling.worlds import Show, World, seen

DEFAULT = Policy(min=1, max=4)
HELD = Policy(min=1, max=6, cpu=None, queue_wait_seconds=None, in_flight=8.0)
SLOW = "95% are answered within 400 ms, before 4"


def stays(policy: Policy, show: Show, *, count: int, ticks: int) -> str:
    """What is said after so many ticks, in which nothing changed."""
    world = World(policy, show, count=count).run(ticks)
    assert world.changes == []
    assert world.last is not None
    return world.last.reason


def slower(at: float) -> float:
    return 0.04 if at < 100 else 0.4


def test_what_is_enough_is_shown_beside_its_set_points() -> None:
    assert stays(DEFAULT, lambda ready, at: seen(ready, at=at), count=1, ticks=10) == (
        "stays at 1: enough over the last 6 s: cpu 20% of what a replica is granted (kept at 75%); "
        "queue wait 0 ms (50 ms allowed)"
    )
    assert stays(Policy(min=2, max=4), lambda ready, at: seen(ready, at=at), count=2, ticks=10).endswith("; min is 2")


def test_what_needs_as_many_as_there_are_is_named() -> None:
    told = stays(HELD, lambda ready, at: seen(ready, at=at, in_flight=15.0), count=2, ticks=10)
    assert told == "stays at 2: requests in flight 15.0 over the last 6 s need 2 at 8 each"


def test_a_little_over_a_set_point_is_not_called_enough_while_it_has_to_last() -> None:
    told = stays(DEFAULT, lambda ready, at: seen(ready, at=at, cpu=0.78), count=1, ticks=30)
    assert told == (
        "stays at 1: cpu 78% of what a replica is granted over the last 6 s needs 2 at 75%, but is less than a tenth "
        "over it: that has to last for 60 s"
    )


def test_a_backlog_that_is_worked_off_is_told_as_that_and_not_as_enough() -> None:
    def shown(ready: int, at: float) -> float:
        return 16.0 if ready == 1 else max(1.0, 40.0 - 2 * (at - 10))

    world = World(HELD, lambda ready, at: seen(ready, at=at, in_flight=shown(ready, at))).run(16)
    assert world.counts() == [2]
    assert world.last is not None
    assert world.last.reason == (
        "stays at 2: requests in flight 33.0 over the last 6 s need 5 at 8 each, but what waited for the last ones "
        "that came is being worked off: 38.0 requests in flight became 28.0"
    )


def test_answers_that_take_long_without_waiting_are_slow_by_themselves() -> None:
    told = stays(DEFAULT, lambda ready, at: seen(ready, at=at, p95=slower(at), queue_wait=0.002), count=1, ticks=106)
    assert told.startswith("stays at 1: enough over the last 6 s: cpu 20%")
    assert SLOW in told
    assert told.endswith("but wait only 2.0 ms: slow by itself, more replicas will not help")


def test_a_percentile_that_is_in_the_next_bucket_is_not_worth_a_word() -> None:
    def shown(at: float) -> float:
        return 0.002 if at < 100 else 0.005

    told = stays(DEFAULT, lambda ready, at: seen(ready, at=at, p95=shown(at)), count=1, ticks=106)
    assert "slow" not in told


def test_what_decided_stands_before_what_is_slow_by_itself() -> None:
    told = stays(HELD, lambda ready, at: seen(ready, at=at, p95=slower(at), in_flight=15.0), count=2, ticks=106)
    assert told.startswith("stays at 2: requests in flight 15.0 over the last 6 s need 2 at 8 each; " + SLOW)


def test_no_work_is_told_as_that_and_so_are_signals_that_are_missing() -> None:
    def none(ready: int, at: float) -> dict[str, float | None]:
        return {"arrivals": None, "cpu": None, "queue_wait": None, "in_flight": None, "p95": None}

    idle = stays(DEFAULT, lambda ready, at: seen(ready, at=at, arrivals=0.0, in_flight=0.0), count=1, ticks=10)
    assert idle == "stays at 1: nothing to do"
    missing = stays(DEFAULT, lambda ready, at: seen(ready, at=at, pages=0, **none(ready, at)), count=1, ticks=10)  # type: ignore[arg-type]
    assert missing == "stays at 1: none of its signals was seen over the last 6 s"
    _, decision = step(State(), None, DEFAULT, 1)
    assert decision.reason == "stays at 1: nothing has been seen yet"
