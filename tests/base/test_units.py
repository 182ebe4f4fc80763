"""Durations and sizes: exact, strict, and back again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250ms", timedelta(milliseconds=250)),
        ("1.5s", timedelta(milliseconds=1500)),
        ("0s", timedelta(0)),
        (" 5 m ", timedelta(minutes=5)),
        ("2d", timedelta(days=2)),
        ("0.000001s", timedelta(microseconds=1)),
    ],
)
def test_a_duration_is_read_exactly(text: str, value: timedelta) -> None:
    assert parse_duration(text) == value


@pytest.mark.parametrize(("text", "size"), [("1B", 1), ("64MiB", 64 << 20), ("0.5KiB", 512), ("3TiB", 3 << 40)])
def test_a_size_is_read_exactly(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["10", "s", "-1s", "1e3s", "10 seconds", "1,5s", "1s 2s", "", "٣s"])
def test_a_duration_without_a_known_unit_or_a_plain_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration such as 250ms"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "meant"), [("64MB", "64MiB"), ("1K", "1KiB"), ("2GB", "2GiB"), ("5kB", "5KiB")])
def test_a_decimal_unit_is_refused_and_the_binary_one_proposed(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"write {meant}$"):
        parse_size(text)


def test_a_decimal_unit_keeps_its_fraction_in_the_proposal() -> None:
    with pytest.raises(ValueError, match=r"write 1\.5MiB$"):
        parse_size("1.5MB")


@pytest.mark.parametrize(("parse", "text"), [(parse_duration, "0.5us"), (parse_size, "0.3B"), (parse_size, "0.1KiB")])
def test_what_is_finer_than_the_smallest_unit_is_refused(parse: object, text: str) -> None:
    assert callable(parse)
    with pytest.raises(ValueError, match="finer than the smallest unit"):
        parse(text)


@given(st.integers(0, 10**14))
def test_a_duration_comes_back_from_its_own_text(microseconds: int) -> None:
    value = timedelta(microseconds=microseconds)
    assert parse_duration(format_duration(value)) == value


@given(st.integers(0, 1 << 49))
def test_a_size_comes_back_from_its_own_text(size: int) -> None:
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(("seconds", "text"), [(90, "90s"), (60, "1m"), (3600, "1h"), (0.25, "250ms"), (86400, "1d")])
def test_a_duration_is_shown_in_the_largest_unit_that_keeps_it_whole(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


@given(st.text(max_size=20))
def test_any_text_is_either_read_or_refused_with_a_reason(text: str) -> None:
    for parse in (parse_duration, parse_size):
        reason = repr(text)
        try:
            parse(text)
        except ValueError as error:
            reason = str(error)
        assert repr(text) in reason
