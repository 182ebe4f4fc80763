"""Callers and callees through a whole life: fused, apart and fused again, deaths, counts, an Envoy that takes its time.

Whatever happens in `life`, nobody is routed before those whom it calls, and nobody goes while it is called; here it is
drawn what happens.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from longspan.capabilities.replicas.decide import socket_of
from longspan.system.records import Count
from tests.control.life import APART, ENTRY, SYSTEMS, System, live

EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("apply"), st.integers(0, len(SYSTEMS) - 1)),
        st.tuples(st.just("ready"), st.integers(0, 3)),
        st.tuples(st.just("end"), st.integers(0, 3)),
        st.tuples(st.just("take"), st.integers(0, 1)),
        st.tuples(st.just("count"), st.integers(0, 5)),
        st.tuples(st.just("envoy dies"), st.just(0)),
        st.tuples(st.just("live"), st.integers(1, 6)),
        st.tuples(st.just("trip"), st.integers(1, 4)),
    ),
    max_size=40,
)


def happen(system: System, kind: str, number: int) -> None:
    here = sorted(system.alive)
    match kind:
        case "apply":
            system.apply(number)
        case "ready" if number < len(here):
            system.ready.add(here[number])
        case "end" if number < len(here):
            system.end(here[number])
        case "take":
            system.take((ENTRY, APART)[number])
        case "count":
            name = (ENTRY, APART)[number % 2]
            system.counts[name] = Count(unit=name, replicas=number // 2 + 1, reason="", at=system.now)
        case "envoy dies":
            system.envoy = None
        case "live":
            live(system, number)
        case "trip":
            for _ in range(number):
                system.trip()


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(SYSTEMS) - 1), EVENTS)
def test_nobody_is_routed_before_whom_it_calls_nobody_goes_while_it_is_called_and_all_comes_to_rest(
    first: int, events: list[tuple[str, int]]
) -> None:
    system = System()
    system.apply(first)
    for kind, number in events:
        happen(system, kind, number)
    live(system, 60)  # longer than the longest back-off
    current = system.in_state("serving")
    assert system.in_state("pending") is None
    if current is None:  # all that was tried has failed
        assert not system.slots
        return
    wanted = system.units(current.number)
    assert {slot.digest for slot in system.slots.values()} == {one.digest for one in wanted}
    assert len(system.slots) == sum(one.replicas for one in wanted)
    assert system.routed == system.ready == system.slots.keys()


def test_a_step_goes_apart_and_comes_back_and_is_there_for_every_caller() -> None:
    system = System()
    for number in (0, 1, 2, 3, 0):
        system.apply(number)
        live(system, 12)
        assert system.in_state("pending") is None
        assert {slot.digest for slot in system.slots.values()} == {one.digest for one in SYSTEMS[number]}


def test_the_callees_of_an_older_work_stay_until_the_last_caller_has_ended() -> None:
    system = System()
    system.apply(1)
    live(system, 8)
    system.apply(0)
    live(system, 1)
    old = socket_of(ENTRY, 0)
    while system.slots[old].stopping_at is None:  # the fused one comes to serve, and the old one drains
        system.ready |= system.alive.keys()
        system.trip()
        system.take(ENTRY)
        system.take(APART)
    for _ in range(20):  # a long request
        system.trip()
        system.take(APART)
    assert socket_of(APART, 0) in system.routed & system.alive.keys()
    system.end(old)
    live(system, 6)
    assert system.slots.keys() == {socket_of(ENTRY, 1)}


def test_a_callee_that_stays_for_an_older_caller_does_not_go_for_one_that_is_not_ready_yet() -> None:
    system = System()
    system.apply(1)
    live(system, 8)
    system.apply(0)
    old, step = socket_of(ENTRY, 0), socket_of(APART, 0)
    while system.slots[old].stopping_at is None:
        system.ready |= system.alive.keys()
        system.trip()
        system.take(ENTRY)
    system.apply(2)  # apart again, with another model: its replicas start, and are not ready
    for _ in range(5):
        system.trip()
        system.take(APART)
    assert step in system.routed & system.alive.keys()


def test_a_callee_that_dies_unroutes_no_caller_that_is_routed() -> None:
    system = System()
    system.apply(1)
    live(system, 8)
    system.end(socket_of(APART, 0))
    for _ in range(10):
        system.trip()
        system.take(ENTRY)
        assert socket_of(ENTRY, 0) in system.routed
