"""Do made arrivals keep to their rate, and do recorded ones come back as they were?"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.queue_model import Arrivals
from benchmarks.queue_model.arrivals import Rate, always, exponential, made, poisson, read, recorded
from benchmarks.queue_model.shapes import bursts, day, ramp, steady, steps
from longspan.base.errors import LongspanError

SHAPES = {
    "steady": (steady(40), 40 * 200),
    "ramp": (ramp(20, 100, 50, 100), 20 * 50 + 60 * 100 + 100 * 50),
    "steps": (steps((10, 100, 40), 50), 10 * 50 + 100 * 50 + 40 * 100),
    "bursts": (bursts(10, 100, 20, 4), (10 * 16 + 100 * 4) * 10),
    "day": (day(20, 100, 200), 60 * 200),
}


@pytest.mark.parametrize("name", SHAPES)
def test_as_many_come_as_the_rate_says_within_the_time_and_in_order(name: str) -> None:
    rate, expected = SHAPES[name]
    at = poisson(rate, 200, seed=3, most=100)
    # Four standard deviations of a Poisson count.
    assert abs(len(at) - expected) < 4 * math.sqrt(expected)
    assert at[0] >= 0
    assert at[-1] < 200
    assert all(earlier <= later for earlier, later in pairwise(at))


def test_they_come_where_the_rate_is_high() -> None:
    at = poisson(bursts(10, 100, 20, 4), 200, seed=4, most=100)
    within = sum(1 for moment in at if moment % 20 >= 16)
    assert abs(within - 4000) < 4 * math.sqrt(4000)


@given(st.integers(0, 10_000))
def test_a_seed_gives_the_same_arrivals_again_and_another_seed_others(seed: int) -> None:
    def arrivals(of: int) -> Arrivals:
        return made("x", poisson(steady(30), 5, of, 30), exponential(0.02), of)

    assert arrivals(seed) == arrivals(seed)
    assert arrivals(seed) != arrivals(seed + 1)


def test_a_rate_above_the_most_that_was_said_is_refused_and_so_is_one_that_would_never_end() -> None:
    with pytest.raises(ValueError, match="above the most of 10/s"):
        poisson(steady(20), 5, 0, 10)
    with pytest.raises(ValueError, match="at most 5000000"):
        poisson(steady(1e6), 1e6, 0, 1e6)
    rate: Rate = steady(0)
    with pytest.raises(ValueError, match="positive"):
        poisson(rate, 5, 0, 0)


def test_recorded_service_times_are_given_out_in_the_order_in_which_requests_come() -> None:
    at = [0.0, 0.2, 0.25, 0.6, 3.0]
    assert recorded("run", at, [(2, 0.02), (1, 0.03)]).service_seconds == (0.02, 0.02, 0.03, 0.03, 0.03)
    assert recorded("run", at, [(9, 0.02), (1, 0.03)]).service_seconds == (0.02,) * 5


def test_the_offered_load_is_the_work_that_comes_over_the_time_in_which_it_comes() -> None:
    arrivals = Arrivals(name="x", at_seconds=(0, 1, 2, 4), service_seconds=(0.5, 0.5, 0.5, 0.5))
    assert arrivals.offered() == 1.5 / 4
    assert arrivals.offered(1, 2) == 0.5
    assert arrivals.offered(9, 12) == 0


def test_arrivals_that_were_written_are_read_again(tmp_path: Path) -> None:
    arrivals = made("kept", poisson(steady(30), 5, 1, 30), always(0.02), 1)
    arrivals.write(tmp_path / "arrivals.json")
    assert read(tmp_path / "arrivals.json") == arrivals


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "x"}',
        "[]",
        "\xff",
        '{"name": "x", "at_seconds": [], "service_seconds": []}',
        '{"name": "x", "at_seconds": [1, 0], "service_seconds": [1, 1]}',
        '{"name": "x", "at_seconds": [1], "service_seconds": [1, 1]}',
        '{"name": "x", "at_seconds": [1], "service_seconds": [-1]}',
    ],
)
def test_a_file_that_holds_no_arrivals_is_named_with_what_is_wrong(tmp_path: Path, text: str) -> None:
    path = tmp_path / "arrivals.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(LongspanError, match="arrivals.json: holds no arrivals"):
        read(path)
    with pytest.raises(LongspanError, match="cannot be read"):
        read(tmp_path / "none.json")
