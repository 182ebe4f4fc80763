"""Is a plot in a terminal right where it must be: at its ends, on its axis, and in every line's width?"""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from longspan.client.plot import STYLES, bars, drawn, fitting, plot

NUMBERS = st.one_of(st.floats(-1e9, 1e9), st.just(math.nan), st.just(math.inf))

RAMP = """\
requests (1/s)   ⠒⠒ due   •• answered
     10┤                             ⣀⠔⠊
       │                         ⣀⠤⠒⠉ ••
       │                     ⣀⠤⠊••••••
       │                  ⣀⠔⠊•••
      5┤              •••••••
       │          ⢀•••⠁
       │       ⣀•••
       │  ••••••
      0┤••⠊⠁
       └┬───────────────┬──────────────┬
                        ▲
        0               5           10 s"""


def test_a_plot_reads_as_it_stands() -> None:
    x = [float(at) for at in range(11)]
    shown = plot("requests", x, {"due": x, "answered": [0.9 * at for at in x]}, unit="1/s", width=40, marks=[5.0])
    assert shown == RAMP


def test_each_series_has_a_mark_of_its_own_so_that_colour_is_not_needed() -> None:
    x = [0.0, 1.0]
    shown = plot("t", x, {"a": [1, 1], "b": [2, 2], "c": [3, 3], "d": [4, 4]}, width=40)
    lines = shown.splitlines()[1:-2]
    for mark, _ in STYLES[1:]:
        assert sum(mark in line for line in lines) == 1
    assert drawn("t", x, {"a": [1, 1]}, width=40).plain == plot("t", x, {"a": [1, 1]}, width=40)


def test_where_there_is_no_value_the_line_has_a_gap() -> None:
    shown = plot("t", [0, 1, 2, 3, 4], {"a": [1, 1, math.nan, 1, 1]}, width=40, height=3)
    line = shown.splitlines()[1].removeprefix("      1┤")
    assert line == "⠉⠉⠉⠉⠉⠉⠉⠉⠁              ⠈⠉⠉⠉⠉⠉⠉⠉⠉"


@example([(0.0, math.nan, math.nan), (1.0, math.nan, -1_075_000.0)], 20, 22)
@given(
    st.lists(st.tuples(st.floats(0, 1e6), NUMBERS, NUMBERS), max_size=30),
    st.integers(20, 130),
    st.integers(2, 30),
)
def test_any_numbers_can_be_drawn_and_no_line_is_too_long(
    rows: list[tuple[float, float, float]], width: int, height: int
) -> None:
    rows.sort()
    x, first, second = ([row[n] for row in rows] for n in range(3))
    shown = plot("t", x, {"a": first, "b": second}, width=width, height=height, marks=x[:1])
    assert max(map(len, shown.splitlines()[1:])) <= fitting(width)
    assert not [line for line in shown.splitlines() if line != line.rstrip()]


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=30), st.integers(3, 20))
def test_the_axis_begins_at_0_and_holds_the_largest_value(values: list[float], height: int) -> None:
    shown = plot("t", [float(n) for n in range(len(values))], {"a": values}, height=height, width=60)
    ticks = [float(line.split("┤")[0]) for line in shown.splitlines() if "┤" in line]
    assert ticks[-1] == 0
    assert ticks[0] >= max(values) * (1 - 1e-6)
    assert ticks == sorted(ticks, reverse=True)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="3 values for 2 places"):
        plot("t", [0, 1], {"a": [1, 2, 3]})
    with pytest.raises(ValueError, match="at most 4 series, got 5"):
        plot("t", [], {name: [] for name in "abcde"})


def test_bars_are_as_long_as_their_share_and_what_happened_once_is_seen() -> None:
    shown = bars("latency", [("1 ms", 1), ("2 ms", 10_000), ("5 ms", 5_000), ("10 ms", 0)], width=40)
    assert shown == (
        "latency\n 1 ms      1  ▏\n 2 ms  10000  ██████████████████████████\n 5 ms   5000  █████████████\n10 ms      0"
    )
