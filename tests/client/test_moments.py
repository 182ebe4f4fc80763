"""Which moment is meant: that of the machine's clock, and all of what is not written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from longspan.client.moments import NoMoment, moment, rfc3339

NOW = datetime(2026, 11, 24, 12, 0, 30, 500_000, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10:03", "2026-11-24T09:03:59.999999Z"),
        ("10:03:20", "2026-11-24T09:03:20.999999Z"),
        ("12:00", "2026-11-24T11:00:30.500000Z"),
        ("23:00", "2026-11-23T22:00:59.999999Z"),
        ("2026-11-20 10:03", "2026-11-20T09:03:59.999999Z"),
        ("2026-11-20T10:03Z", "2026-11-20T10:03:59.999999Z"),
        ("2026-11-20T10:03:20+02:00", "2026-11-20T08:03:20.999999Z"),
        ("2026-11-20T10:03:20.123Z", "2026-11-20T10:03:20.123999Z"),
        ("2026-11-20T10:03:20.123456Z", "2026-11-20T10:03:20.123456Z"),
        ("", "2026-11-24T11:00:30.500000Z"),
    ],
)
def test_what_is_not_written_of_a_moment_is_meant_whole_as_far_as_it_has_come(text: str, meant: str) -> None:
    assert rfc3339(moment(text, NOW)) == meant


def test_a_moment_that_was_printed_names_itself() -> None:
    found = moment("2026-11-20T10:03:20.123456Z", NOW)
    assert moment(rfc3339(found), NOW) == found == datetime(2026, 11, 20, 10, 3, 20, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["10", "tomorrow", "10:61", "2026-11-20 25:00", "10:03:20:11", "0001-01-01T00:00+14:00"]
)
def test_text_that_names_no_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(NoMoment, match="is no moment"):
        moment(text, NOW)
