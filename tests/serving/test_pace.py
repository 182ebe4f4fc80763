"""When a chain of models leaves the loop for the thread, and when it comes back."""

from __future__ import annotations

from longspan.serving.pace import MOST_SLOW, WINDOW, Pace


def test_two_slow_runs_in_a_hundred_and_twenty_are_forgiven() -> None:
    pace = Pace(inline=True)
    for run in range(0, 10 * WINDOW, WINDOW // MOST_SLOW):
        pace.slow(run)
    assert pace.inline


def test_one_more_moves_the_chain_to_the_thread() -> None:
    pace = Pace(inline=True)
    for run in (1, 100, 200):
        pace.slow(run)
    assert not pace.inline


def test_it_comes_back_when_a_whole_window_was_quick() -> None:
    pace = Pace(inline=True)
    for run in (1, 2, 3):
        pace.slow(run)
    pace.look(3 + WINDOW - 1)
    assert not pace.inline
    pace.look(3 + WINDOW)
    assert pace.inline


def test_it_stays_in_the_thread_while_it_is_slow() -> None:
    pace = Pace(inline=False)
    for run in range(10 * WINDOW):
        pace.slow(run)
        pace.look(run)
    assert not pace.inline
    for run in range(10 * WINDOW, 11 * WINDOW):
        pace.look(run)
    assert pace.inline
