"""Who runs together, and how large a run may be."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from longspan.serving.batching import cut, rows_limit


@dataclass(frozen=True)
class Request:
    alike: str
    rows: int
    number: int = 0


requests = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 5)), min_size=1, max_size=30).map(
    lambda found: [Request(alike, rows, number) for number, (alike, rows) in enumerate(found)]
)


def test_the_oldest_takes_along_what_is_alike() -> None:
    a, b, c = Request("x", 1), Request("y", 1), Request("x", 2)
    assert cut([a, b, c], 10) == ([a, c], [b])


def test_the_oldest_runs_however_large_it_is() -> None:
    large, small = Request("x", 100), Request("x", 1)
    assert cut([large, small], 10) == ([large], [small])


def test_nobody_is_overtaken_by_his_like() -> None:
    first, large, small = Request("x", 2), Request("x", 9), Request("x", 1)
    assert cut([first, large, small], 10) == ([first], [large, small])


@given(requests, st.integers(1, 12))
def test_every_request_runs_once_with_its_like_in_order_and_within_the_limit(
    waiting: list[Request], limit: int
) -> None:
    seen: list[Request] = []
    rest = waiting
    while rest:
        group, left = cut(rest, limit)
        assert group[0] == rest[0]
        assert {one.alike for one in group} == {rest[0].alike}
        assert len(group) == 1 or sum(one.rows for one in group) <= limit
        assert sorted(group + left, key=lambda one: one.number) == rest
        seen += group
        rest = left
    for kind in "ab":
        assert [one for one in seen if one.alike == kind] == [one for one in waiting if one.alike == kind]


def test_a_run_holds_the_fewest_rows_that_reach_nearly_all_the_gain() -> None:
    assert rows_limit([(1, 10), (2, 12), (4, 20), (8, 40), (16, 80)], 1000) == 4
    assert rows_limit([(1, 10), (2, 11), (4, 13), (8, 17)], 1000) == 8


def test_a_model_that_gains_nothing_by_batching_runs_row_by_row() -> None:
    assert rows_limit([(1, 5_000_000), (2, 10_500_000), (4, 20_000_000), (8, 44_600_000)], 100_000_000) == 1
    assert rows_limit([(1, 100), (2, 184)], 1000) == 1  # 8 %


def test_a_run_that_would_take_too_long_is_none_to_aim_at() -> None:
    assert rows_limit([(1, 100), (2, 120), (4, 160), (8, 240)], 170) == 4
    assert rows_limit([(1, 200), (2, 210)], 150) == 1


def test_what_could_not_be_measured_runs_row_by_row() -> None:
    assert rows_limit([], 1000) == 1


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=7), st.integers(1, 10**9))
def test_the_limit_is_always_a_size_that_was_measured(times: list[int], within: int) -> None:
    curve = [(2**power, took) for power, took in enumerate(times)]
    assert rows_limit(curve, within) in {rows for rows, _ in curve}
