"""Which moment does somebody mean by ``10:03``, and how is a moment told to people?

People speak in the time of their machine; control speaks in UTC. Whatever is printed says which time it is.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from longspan.base.errors import LongspanError

_CLOCK = re.compile(r"[0-9]:[0-9]{2}(:[0-9]{2}(?:[.,]([0-9]+))?)?")


class NoMoment(LongspanError):
    """Text that names no moment: a wrong command line."""

    exit_code = 2


def moment(text: str, now: datetime | None = None) -> datetime:
    """``10:03``, ``10:03:20``, ``2026-11-24 10:03`` or RFC 3339, in the zone of `now` where it names none.

    A time of day is the last such time: one that has not come yet is yesterday's. What is not written is meant whole:
    without seconds the end of the minute, without a fraction the end of the second, as far as it has come; so a
    moment that was printed is found again. `now`: this moment, with a zone; None: that of the machine. Raises
    `NoMoment`.
    """
    now = now or datetime.now().astimezone()
    text = text.strip()
    if text in ("", "now"):
        return now
    try:
        if len(text) <= len("10:03:20"):
            time = datetime.strptime(text, "%H:%M:%S" if text.count(":") > 1 else "%H:%M").time()  # noqa: DTZ007
            found = datetime.combine(now.date(), time, now.tzinfo)
            found = found if found <= now else found - timedelta(days=1)
        else:
            found = datetime.fromisoformat(text)
            found = found if found.tzinfo is not None else found.replace(tzinfo=now.tzinfo)
        found.astimezone(UTC)  # at either end of the calendar there is no such moment
        return min(now, found + _rest(text)) if found <= now else found
    except (ValueError, OverflowError):
        remedy = "Write 10:03, 10:03:20, 2026-11-24 10:03 or 2026-11-24T10:03:00Z"
        raise NoMoment(f"{text[:60]!r} is no moment", at="--at", remedy=remedy) from None


def _rest(text: str) -> timedelta:
    """From the moment that is written to the end of what it leaves open."""
    clock = _CLOCK.search(text)
    if clock is None:
        return timedelta()
    whole = timedelta(minutes=1) if clock[1] is None else timedelta(seconds=10 ** -len(clock[2] or ""))
    return max(timedelta(), whole - timedelta(microseconds=1))


def rfc3339(found: datetime) -> str:
    """``2026-11-24T09:03:00.000000Z``."""
    return found.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def local(text: str) -> str:
    """RFC 3339 -> the same moment on this machine: ``2026-11-24 10:03:00``; `zone` says what time that is."""
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}"


def zone(now: datetime | None = None) -> str:
    """The time of this machine in words: ``CET, UTC+01:00``."""
    now = now or datetime.now().astimezone()
    offset = f"{now:%z}"
    return f"{now.tzname()}, UTC{offset[:3]}:{offset[3:]}" if offset.strip("+0") else "UTC"
