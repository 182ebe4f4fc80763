"""Memory for bodies, and how a worker leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.serving.admission import LAST_CALL, LONGEST_PAUSE, QUIET, SECOND, Budget, Door, Edge, full, late


def test_refusals_say_what_the_limit_was() -> None:
    assert (full("x", 3).status, full("x", 3).retry_after_seconds) == (503, 1)
    assert "3 requests wait" in full("x", 3).problem
    assert late("x", 0.5).status == 504
    assert "within 0.5 s" in late("x", 0.5).problem


@given(st.lists(st.integers(0, 100)), st.integers(0, 300))
def test_the_budget_is_never_exceeded_and_always_given_back(sizes: list[int], limit: int) -> None:
    budget = Budget(limit)
    held = [size for size in sizes if budget.take(size)]
    assert sum(held) == budget.held <= limit
    for size in held:
        budget.give(size)
    assert budget.held == 0


def test_a_worker_leaves_when_nothing_has_come_for_a_while() -> None:
    door = Door()
    door.drain(0, patience=60 * SECOND)
    assert not door.quiet(QUIET - 1, busy=False, connections=3)
    assert door.quiet(QUIET, busy=False, connections=3)
    door.heard = QUIET
    assert not door.quiet(QUIET + 1, busy=False, connections=3)


def test_a_worker_whose_clients_have_all_gone_need_not_wait() -> None:
    door = Door()
    door.drain(0, patience=60 * SECOND)
    assert door.quiet(1, busy=False, connections=0)


def test_it_never_leaves_while_somebody_is_owed_an_answer_until_patience_ends() -> None:
    door = Door()
    door.drain(0, patience=60 * SECOND)
    assert not door.quiet(60 * SECOND - 1, busy=True, connections=1)
    assert door.quiet(60 * SECOND, busy=True, connections=1)


def test_who_had_connected_is_heard_once_more_after_the_socket_is_gone() -> None:
    door = Door()
    door.drain(0, patience=60 * SECOND)
    door.withdraw(QUIET)
    assert not door.quiet(QUIET + LAST_CALL - 1, busy=False, connections=1)
    assert door.quiet(QUIET + LAST_CALL, busy=False, connections=1)


def test_a_way_is_open_until_as_many_calls_are_under_way_as_it_has_room_for() -> None:
    edge = Edge("recognise", bound=2)
    assert not edge.closed(0)
    edge.in_flight = 2
    assert edge.closed(0)
    edge.in_flight = 1
    assert not edge.closed(0)


@pytest.mark.parametrize(("seconds", "pause"), [(1, LONGEST_PAUSE), (3600, LONGEST_PAUSE)])
def test_a_full_unit_is_left_alone_for_as_long_as_it_asks_and_no_longer_than_a_second(seconds: int, pause: int) -> None:
    edge = Edge("recognise", bound=2)
    edge.refused(1000, seconds)
    assert edge.closed(1000 + pause - 1)
    assert not edge.closed(1000 + pause)


def test_an_answer_opens_the_way_at_once() -> None:
    edge = Edge("recognise", bound=2)
    edge.refused(0, 1)
    edge.answered()
    assert not edge.closed(1)
