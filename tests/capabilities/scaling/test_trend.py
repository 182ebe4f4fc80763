"""Is a load that rises told from one that only differs by chance, and from a step?"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.capabilities.scaling.decide.trend import AHEAD_SECONDS, foreseen, rise, told
from longspan.capabilities.scaling.decide.values import Seen

PANIC = 6.0


def seconds(rate: Callable[[int], float | None], count: int = 70) -> list[Seen]:
    """One entry a second; `rate` of each."""
    return [
        Seen(
            at=number, span=1.0, wanted=1, ready=1, pages=1, arrivals=rate(number), cpu=0.5, in_flight=1.0,
            queue_wait=0.01,
        )
        for number in range(count)
    ]  # fmt: skip


@given(st.floats(0, 1e6), st.integers(0, 90))
def test_a_constant_load_never_rises(rate: float, count: int) -> None:
    assert rise(seconds(lambda _: rate, count), PANIC) is None


@given(st.floats(0.1, 1e3), st.floats(0, 50), st.integers(0, 60))
def test_a_load_that_falls_never_rises(slope: float, end: float, count: int) -> None:
    assert rise(seconds(lambda at: end + slope * (count - at), count), PANIC) is None


@pytest.mark.parametrize("slope", [0.3, 0.6, 1.2, 5.0, 50.0])
def test_a_load_that_rises_in_a_line_is_found_with_its_slope(slope: float) -> None:
    found = rise(seconds(lambda at: 30 + slope * at), PANIC)
    assert found is not None
    assert found.slope == pytest.approx(slope)


def test_a_steep_rise_is_found_after_twelve_seconds_of_it() -> None:
    assert rise(seconds(lambda at: 20 + 3 * max(0, at - 58)), PANIC) is not None


@pytest.mark.parametrize("since", range(30, 41))
def test_a_step_is_no_rise_any_more_once_it_has_lasted(since: int) -> None:
    assert rise(seconds(lambda at: 80.0 if at >= 70 - since else 20.0), PANIC) is None


def test_what_may_be_chance_is_no_rise() -> None:
    assert rise(seconds(lambda at: 2 + at / 20), PANIC) is None


def test_a_rise_needs_arrivals_that_were_seen() -> None:
    assert rise(seconds(lambda at: None), PANIC) is None
    assert rise([], PANIC) is None


def test_what_was_seen_is_carried_on_along_the_line() -> None:
    entries = seconds(lambda at: 30 + 2.0 * at)
    found = rise(entries, PANIC)
    assert found is not None
    moment = entries[-1]
    then = foreseen(moment, found)
    rate = moment.arrivals or 0.0
    times = (rate + 2 * (0.5 + AHEAD_SECONDS)) / rate
    assert then.arrivals == pytest.approx(rate * times)
    assert then.cpu == pytest.approx(0.5 * times)
    assert then.in_flight == pytest.approx(times)
    assert then.queue_wait == moment.queue_wait
    assert told(found) == "requests rose from 133.0/s to 157.0/s within 12 s"
