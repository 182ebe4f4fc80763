"""What the long run concludes from what it has seen."""

from __future__ import annotations

import math
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.soak import census, service, told
from benchmarks.soak.course import Told
from benchmarks.soak.slopes import HOUR_SECONDS, Slope, slope, verdict
from benchmarks.tiny import expected


@given(st.integers(5, 60), st.floats(-1e3, 1e3), st.floats(-1e6, 1e6))
def test_points_on_a_line_give_its_slope(count: int, rise: float, start: float) -> None:
    seconds = [3.0 * n for n in range(count)]
    found = slope(seconds, [start + rise * at for at in seconds])
    assert math.isclose(found.hourly, HOUR_SECONDS * rise, rel_tol=1e-6, abs_tol=1e-3)
    assert found.least <= found.hourly <= found.greatest


def test_a_quarter_of_the_points_may_be_far_out() -> None:
    chance = random.Random(1)
    seconds = [3.0 * n for n in range(200)]
    values = [50 + 0.001 * at + chance.gauss(0, 0.2) + (40 if n % 4 == 0 else 0) for n, at in enumerate(seconds)]
    found = slope(seconds, values)
    assert abs(found.hourly - 3.6) < 2
    assert found.least < 3.6 < found.greatest


def test_growth_is_told_only_when_the_whole_interval_is_beyond_the_bound() -> None:
    assert verdict(Slope(5, 4, 6), 3) == "grows"
    assert verdict(Slope(5, 2, 6), 3) == "open"
    assert verdict(Slope(1, -2, 2), 3) == "flat"
    with pytest.raises(ValueError, match="too few"):
        slope([1, 2], [1, 2])


def test_what_is_seen_while_it_warms_up_is_no_growth_and_what_is_missing_is_left_out() -> None:
    at = [float(n) for n in range(100)]
    rising = [min(n, 15) * 1e9 for n in range(100)]
    seen = {"control: memory": rising, "ledger: bytes": [math.nan, *at[1:]], "processes": [7.0] * 100}
    found = {one.what: one for one in told.growths(Told(at=at, seen=seen))}
    assert (found["control: memory"].verdict, found["processes"].verdict) == ("flat", "flat")
    assert found["ledger: bytes"].verdict == "kept"
    assert "| kept" in told.table(list(found.values()))


def test_a_process_and_a_folder_are_counted_as_the_kernel_tells(tmp_path: Path) -> None:
    before = census.process(os.getpid())
    with (tmp_path / "one").open("w") as file:
        file.write("x" * 10_000)
        file.flush()
        held = census.process(os.getpid())
    assert before is not None
    assert held is not None
    assert held.descriptors == before.descriptors + 1
    assert held.own_bytes <= held.resident_bytes
    assert census.folder(tmp_path).files == 1
    assert census.folder(tmp_path).bytes >= 10_000
    assert census.process(1 << 22) is None


def test_each_request_of_the_long_run_has_one_right_answer() -> None:
    asked = service.requests()
    assert len({one.key for one in asked}) == len(asked) == 20
    answer = {"outputs": [{"name": "scores", "data": expected()}]}
    assert service.read(f"{service.STILL} 0", answer) == ("", None)
    assert service.read(f"{service.STILL} 4", answer)[0] == "another row's scores"
    best = max(expected())
    named = [("best", expected().index(best)), ("score", best), ("version", 7)]
    answer = {"outputs": [{"name": name, "data": [value]} for name, value in named]}
    assert service.read("0", answer) == ("", 7)
