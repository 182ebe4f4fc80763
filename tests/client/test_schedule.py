"""When is a request of a load due? Properties of the three schedules."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.client.load.schedule import MOST_REQUESTS, Arrivals, Ramp, Schedule, Steady

RATES = st.floats(0.01, 20_000)
SECONDS = st.floats(0.01, 1000)
RAMPS = st.builds(Ramp, st.one_of(st.just(0.0), RATES), RATES, SECONDS)
ARRIVALS = st.lists(st.floats(0, 1e4), min_size=1, max_size=50).map(lambda times: Arrivals(sorted(times)))


def test_a_ramp_from_nothing_follows_the_area_below_its_line() -> None:
    ramp = Ramp(0, 10, over_seconds=10)
    assert [ramp.before(at) for at in (0, 2, 10, 12)] == [0, 2, 50, 70]
    assert ramp.due_ns(2) == 2_000_000_000
    assert ramp.due_ns(60) == 11_000_000_000


def test_a_ramp_may_go_down_and_one_that_is_level_is_steady() -> None:
    assert Ramp(10, 5, over_seconds=2).before(2) == 15
    level = Ramp(8, 8, over_seconds=3)
    assert [level.due_ns(number) for number in range(40)] == [Steady(8).due_ns(number) for number in range(40)]


def test_recorded_moments_are_kept() -> None:
    recorded = Arrivals((0.0, 0.5, 0.5, 2.0))
    assert [recorded.due_ns(number) for number in range(4)] == [0, 500_000_000, 500_000_000, 2_000_000_000]
    assert [recorded.before(at) for at in (0.0, 0.5, 0.6, math.inf)] == [0, 1, 3, 4]


@given(st.one_of(st.builds(Steady, RATES), RAMPS), st.integers(0, 10_000))
def test_dues_never_go_back_and_the_count_before_one_is_its_number(when: Schedule, number: int) -> None:
    due, following = when.due_ns(number), when.due_ns(number + 1)
    assert due <= following
    assert abs(when.before(due / 1e9) - number) <= 1
    assert when.before(following / 1e9 + 1e-3) > number


@given(st.one_of(st.builds(Steady, RATES), RAMPS, ARRIVALS), st.lists(SECONDS, min_size=2))
def test_the_longer_the_more(when: Schedule, moments: list[float]) -> None:
    counts = [when.before(at) for at in sorted(moments)]
    assert all(earlier <= later for earlier, later in pairwise(counts))


def test_what_has_no_end_is_more_than_a_load_may_hold() -> None:
    assert Steady(1).before(math.inf) == Ramp(0, 1, 1).before(math.inf) == MOST_REQUESTS + 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Steady(0),
        lambda: Steady(math.nan),
        lambda: Ramp(-1, 5, 10),
        lambda: Ramp(5, 0, 10),
        lambda: Ramp(5, 10, 0),
        lambda: Arrivals(()),
        lambda: Arrivals((1.0, 0.5)),
        lambda: Arrivals((math.nan,)),
        lambda: Arrivals((-0.1,)),
    ],
)
def test_what_cannot_be_kept_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"rate|over_seconds|arrival"):
        wrong()  # type: ignore[operator]
