"""Hours of the week at a place: read, written back, and right when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.spec.hours import DAYS, Hours, parse_hours

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = parse_hours("mon-fri 08:00-18:00 Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN, *, second_time: bool = False) -> int:
    """UTC nanoseconds of a local time such as ``2026-03-29 01:30``; `second_time`: after clocks were set back."""
    local = datetime.fromisoformat(text).replace(tzinfo=zone, fold=int(second_time))
    return int(local.timestamp()) * 10**9


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("2026-11-23 07:59:59", False),  # a Monday
        ("2026-11-23 08:00", True),
        ("2026-11-27 17:59:59", True),
        ("2026-11-27 18:00", False),
        ("2026-11-28 12:00", False),  # a Saturday
    ],
)
def test_they_hold_from_the_beginning_to_before_the_end(when: str, holds: bool) -> None:
    assert OFFICE.hold(at(when)) is holds


def test_they_follow_the_clock_of_the_place_through_summer_and_winter() -> None:
    assert OFFICE.hold(at("2026-07-01 06:00", ZoneInfo("UTC")))
    assert not OFFICE.hold(at("2026-12-01 06:30", ZoneInfo("UTC")))
    assert OFFICE.hold(at("2026-12-01 07:00", ZoneInfo("UTC")))


def test_over_midnight_they_belong_to_the_day_on_which_they_begin() -> None:
    night = parse_hours("fri 22:00-06:00 Europe/Berlin")
    assert night.hold(at("2026-11-27 22:00"))
    assert night.hold(at("2026-11-28 05:59"))
    assert not night.hold(at("2026-11-28 06:00"))
    assert not night.hold(at("2026-11-27 05:00"))


def test_until_24_is_until_the_day_is_over() -> None:
    assert parse_hours("mon-sun 00:00-24:00 UTC").hold(at("2026-11-28 23:59"))
    assert not parse_hours("sat 12:00-24:00 UTC").hold(at("2026-11-29 00:00", ZoneInfo("UTC")))


def test_when_clocks_are_set_forward_hours_that_begin_in_the_hour_that_is_left_out_still_hold() -> None:
    # 2026-03-29: 02:00 is 03:00 in Berlin.
    early = parse_hours("sun 02:30-06:00 Europe/Berlin")
    assert early.hold(at("2026-03-29 03:00"))
    assert early.hold(at("2026-03-29 05:59"))
    assert not early.hold(at("2026-03-29 06:00"))
    assert not early.hold(at("2026-03-29 00:59"))
    late = parse_hours("sun 00:00-02:30 Europe/Berlin")
    assert late.hold(at("2026-03-29 01:59"))
    assert not late.hold(at("2026-03-29 04:00"))


def test_when_clocks_are_set_back_hours_hold_through_both_without_a_break() -> None:
    # 2026-10-25: 03:00 is 02:00 once more in Berlin.
    hours = parse_hours("sun 01:00-02:30 Europe/Berlin")
    assert all(hours.hold(at("2026-10-25 01:00") + minute * 60 * 10**9) for minute in range(150))
    assert not hours.hold(at("2026-10-25 02:30", second_time=True))


@pytest.mark.parametrize("moment", [-(10**25), 10**25, -62_135_596_800 * 10**9, 253_402_300_799 * 10**9])
def test_a_moment_that_no_calendar_has_is_outside(moment: int) -> None:
    assert OFFICE.hold(moment) is False


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" mon  08:00-18:00  UTC ", "mon 08:00-18:00 UTC"),
        ("fri-mon,wed 22:00-06:00 UTC", "mon,wed,fri-sun 22:00-06:00 UTC"),
        ("sun,sat 10:00-00:00 UTC", "sat-sun 10:00-24:00 UTC"),
    ],
)
def test_they_are_shown_in_one_form(text: str, shown: str) -> None:
    assert str(parse_hours(text)) == shown


hours = st.builds(
    Hours,
    st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
).filter(lambda one: one.start != one.end)


@given(hours)
def test_what_is_shown_is_read_as_the_same(one: Hours) -> None:
    assert parse_hours(str(one)) == one


@given(hours, st.integers(1_700_000_000, 1_900_000_000))
def test_by_the_clock_on_the_wall_they_always_hold(one: Hours, seconds: int) -> None:
    local = datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo(one.zone))
    minutes = 60 * local.hour + local.minute
    end = one.end if one.end > one.start else one.end + 1440
    today = local.weekday() in one.days and one.start <= minutes < end
    yesterday = (local.weekday() - 1) % 7 in one.days and one.start <= minutes + 1440 < end
    if today or yesterday:
        assert one.hold(seconds * 10**9)


def test_days_are_english_and_begin_with_monday() -> None:
    assert DAYS[0] == "mon"
    assert DAYS[6] == "sun"
