"""A replica over its memory: another first, one at a time, and no churn where the budget is too small."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from longspan.capabilities.replicas.decide import SECOND, Drain, Start, Weight, socket_of, trip, weigh
from longspan.capabilities.replicas.decide.memory import LONGEST_WAIT, YOUNG
from longspan.spec.units import Unit
from longspan.system.records import Replica, Slot, Wanted
from longspan.wire.orders import Work

NOW = 100_000 * SECOND
MIB = 1 << 20
BUDGET = 100 * MIB


def want(replicas: int = 1, budget: int = BUDGET) -> Wanted:
    unit = Unit(
        work=Work(unit="hello"), digest="d", replicas=replicas, ready_within_seconds=60, settle_seconds=0,
        memory_bytes=budget,
    )  # fmt: skip
    return Wanted(unit=unit, generation=1)


def replica(number: int, mib: int, age: int = 1000) -> Replica:
    slot = Slot(
        unit="hello",
        slot=number,
        replica=f"r{number}",
        generation=1,
        digest="d",
        since=NOW,
        ready_at=NOW - age * SECOND,
    )
    return Replica(slot=slot, state="ready", pid=100 + number, memory_bytes=mib * MIB)


def weighed(*seen: Replica, past: Weight | None = None, now: int = NOW, one: Wanted | None = None) -> Weight:
    return weigh({"d": past} if past else {}, [one or want()], seen, now)["d"]


def routed(*numbers: int) -> frozenset[str]:
    return frozenset(socket_of("hello", number) for number in numbers)


def test_within_its_budget_nothing_moves_and_without_one_nothing_is_weighed() -> None:
    assert weighed(replica(0, 100)) == Weight()
    assert weigh({}, [want(budget=0)], [replica(0, 9999)], NOW) == {}


def test_the_heaviest_that_is_over_goes_and_the_others_wait_for_their_turn() -> None:
    first = weighed(replica(0, 150), replica(1, 300), one=want(2))
    assert (first.leaving, first.replaced) == ("r1", 1)
    assert weighed(replica(0, 999), replica(1, 300), past=first, one=want(2)) == first
    assert weighed(replica(0, 150), replica(2, 10), past=first, one=want(2)).leaving == "r0"


def test_another_is_started_and_routed_before_the_one_that_is_over_goes() -> None:
    heavy, fresh = replica(0, 150), replica(1, 10)
    leaving = frozenset({"r0"})
    begun = trip([want()], [heavy], routed(0), NOW, leaving=leaving)
    assert [type(move) for move in begun.moves] == [Start]
    assert [endpoint.slot for endpoint in begun.endpoints] == [0]
    starting = replace(fresh, state="starting")
    assert trip([want()], [heavy, starting], routed(0), NOW, leaving=leaving).endpoints == begun.endpoints
    both = trip([want()], [heavy, fresh], routed(0), NOW, leaving=leaving)
    assert ([endpoint.slot for endpoint in both.endpoints], both.moves) == ([0, 1], ())
    alone = trip([want()], [heavy, fresh], routed(0, 1), NOW, leaving=leaving)
    assert ([endpoint.slot for endpoint in alone.endpoints], alone.moves) == ([1], ())
    assert trip([want()], [heavy, fresh], routed(1), NOW, leaving=leaving).moves == (Drain(heavy),)


def test_one_that_dies_before_its_turn_is_restarted_in_its_place_like_any_other() -> None:
    dead = replace(replica(0, 150), state="dead", pid=None, slot=replace(replica(0, 150).slot, died_at=NOW))
    concluded = trip([want()], [dead], routed(0), NOW, leaving=frozenset({"r0"}))
    assert [move.slot.slot for move in concluded.moves if isinstance(move, Start)] == [0]
    assert weighed(dead, past=Weight(leaving="r0", replaced=1)).leaving == ""


def test_where_fresh_ones_are_over_at_once_it_says_so_and_waits_twice_as_long_each_time() -> None:
    weight = weighed(replica(0, 150, age=5))
    assert weight.leaving == ""
    assert weight.trouble == (
        "a fresh replica held 150 MiB within 5 s of being ready, and is granted 100 MiB: raise resources.memory"
    )
    waits = []
    at = NOW
    for number in range(1, 12):
        waits.append(weight.not_before - at)
        at = weight.not_before
        old = replica(number, 150, age=(NOW - at) // SECOND + 1000)
        weight = weighed(old, past=weight, now=at)
        assert weight.leaving == f"r{number}"
        fresh = replica(number + 1, 150, age=(NOW - at) // SECOND + 5)
        weight = weighed(fresh, past=weight, now=at)
        assert weight.leaving == ""
    assert waits[:3] == [YOUNG, 2 * YOUNG, 4 * YOUNG]
    assert waits[-1] == LONGEST_WAIT


def test_a_minute_within_the_budget_proves_that_it_is_large_enough() -> None:
    troubled = Weight(young=3, not_before=NOW + YOUNG, trouble="too small")
    assert weighed(replica(0, 50, age=59), past=troubled) == troubled
    assert weighed(replica(0, 50, age=60), past=troubled) == Weight()


def test_a_clock_that_was_set_back_makes_nobody_wait_longer_than_the_longest() -> None:
    weight = weighed(replica(0, 150), past=Weight(young=1, not_before=NOW + 10 * LONGEST_WAIT))
    assert weight.leaving == ""
    assert weighed(replica(0, 150), past=weight, now=NOW + LONGEST_WAIT).leaving == "r0"


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 300), st.integers(-10, 200)), max_size=4), st.integers(0, 9)
)
def test_never_more_than_one_of_a_work_goes_and_only_one_that_is_there(
    drawn: list[tuple[int, int, int]], steps: int
) -> None:
    seen = list({number: replica(number, mib, age) for number, mib, age in drawn}.values())
    weight: Weight | None = None
    for number in range(steps + 1):
        weight = weighed(*seen, past=weight, now=NOW + number * YOUNG, one=want(4))
        assert weight.leaving in {"", *(one.slot.replica for one in seen)}
