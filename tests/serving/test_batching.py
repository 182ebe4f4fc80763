"""Who runs together, and how large a run may be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from longspan.serving.batching import Row, buckets, company, cut, rows_limit, stack


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


def test_more_enter_together_only_as_far_as_the_first_can_wait() -> None:
    assert company(1, 8, each_nanoseconds=10, within_nanoseconds=100) == 8
    assert company(1, 8, each_nanoseconds=30, within_nanoseconds=100) == 3
    assert company(1, 8, each_nanoseconds=200, within_nanoseconds=100) == 1
    assert company(4, 8, each_nanoseconds=200, within_nanoseconds=100) == 4, "as many as the first steps gain by"
    assert company(1, 8, each_nanoseconds=0, within_nanoseconds=100) == 1, "nothing is known yet"


rows = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 90), st.integers(0, 9)), max_size=40).map(
    lambda found: [Row(alike, (width, height)) for alike, width, height in found]
)


@given(rows, st.integers(1, 40), st.integers(1, 4), st.integers(1, 7))
def test_every_row_is_in_one_bucket_of_its_like_and_its_size_in_order_and_within_the_limit(
    waiting: list[Row], wide: int, high: int, limit: int
) -> None:
    found = buckets(waiting, (wide, high), limit)
    assert sorted(index for bucket in found for index in bucket.rows) == list(range(len(waiting)))
    assert [bucket.rows[0] for bucket in found] == sorted(bucket.rows[0] for bucket in found)
    for bucket in found:
        assert 0 < len(bucket.rows) <= limit
        assert list(bucket.rows) == sorted(bucket.rows)
        assert len({waiting[index].alike for index in bucket.rows}) == 1
        for index in bucket.rows:
            for size, to, multiple in zip(waiting[index].sizes, bucket.sizes, (wide, high), strict=True):
                assert to % multiple == 0
                assert max(size, 1) <= to < max(size, 1) + multiple
    # Nothing is parted that could have run together.
    kinds = [(waiting[bucket.rows[0]].alike, bucket.sizes) for bucket in found if len(bucket.rows) < limit]
    assert len(kinds) == len(set(kinds))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=6))
def test_padding_is_zeros_on_the_right_only(sizes: list[tuple[int, int]]) -> None:
    arrays = [np.full(size, number + 1, np.int64) for number, size in enumerate(sizes)]
    stacked = stack(arrays, (4, 5))
    assert stacked.shape == (len(arrays), 4, 5)
    for row, array in zip(stacked, arrays, strict=True):
        high, wide = array.shape
        assert (row[:high, :wide] == array).all()
        assert row.sum() == array.sum()


def test_bytes_are_filled_up_with_empty_ones() -> None:
    one = np.array([b"a", b"b"], object)
    assert stack([one, one[:1]], (3,)).tolist() == [[b"a", b"b", b""], [b"a", b"", b""]]
