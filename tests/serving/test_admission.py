"""Memory for bodies, and how a worker leaves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longspan.serving.admission import LAST_CALL, QUIET, SECOND, Budget, Door, full, late


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
