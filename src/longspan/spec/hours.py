"""Hours of the week at a place: ``mon-fri 08:00-18:00 Europe/Berlin``.

Days, then times of the clock there, then a zone of the IANA database. Hours over midnight (``22:00-06:00``) belong
to the day on which they begin. Where the clocks change, the longer reading counts: from the first moment that a
clock may show the beginning until the last that it may show the end. So hours never break in two, and whoever
asked for capacity has it rather too long than too short.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from longspan.base.names import closest
from longspan.spec.places import printable
from longspan.spec.values import Form, refused, show

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_WANTED = "hours such as mon-fri 08:00-18:00 Europe/Berlin"
_TEXT = re.compile(r"(?P<days>[a-z,-]+) +(?P<from>[0-9:]+)-(?P<to>[0-9:]+) +(?P<zone>[A-Za-z0-9_+/-]{1,64})")
_TIME = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])")


class Hours(msgspec.Struct, frozen=True):
    """Hours that come back each week. `str` gives the form of the file."""

    days: tuple[int, ...]
    """Sorted; Monday is 0."""
    start: int
    """Minutes since midnight, 0 to 1439."""
    end: int
    """Minutes since midnight, 1 to 1440; before `start`: on the next day."""
    zone: str

    def __str__(self) -> str:
        return f"{_shown(self.days)} {_clock(self.start)}-{_clock(self.end)} {self.zone}"

    def hold(self, at: int) -> bool:
        """Does the moment lie within? `at`: UTC nanoseconds since 1970; one that no calendar has is outside."""
        try:
            moment = datetime.fromtimestamp(at // 1_000_000_000, UTC)
            today = moment.astimezone(_zone(self.zone)).date()
        except (ValueError, OverflowError, OSError):
            return False
        # Tomorrow too: a clock that is set back may put this moment before midnight once more.
        return any(self._holds_from(today.toordinal() + ahead, moment) for ahead in (-1, 0, 1))

    def _holds_from(self, ordinal: int, moment: datetime) -> bool:
        """Is the moment within the hours that begin on that day?"""
        if ordinal < 1 or (ordinal - 1) % 7 not in self.days:
            return False
        last = self.end if self.end > self.start else self.end + _DAY
        begins = min(_moments(ordinal, self.start, self.zone))
        return begins <= moment < max(_moments(ordinal, last, self.zone))


def parse_hours(text: str) -> Hours:
    """``"mon-fri 08:00-18:00 Europe/Berlin"`` -> `Hours`. Raises `ValueError`, whose text says what is wrong.

    Days are a list of days and ranges (``mon,wed-fri``; a range may go round: ``sat-mon``), times are ``HH:MM`` up to
    24:00.
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"is '{printable(text, 60)}', not {_WANTED}")
    start, end = _minutes(match["from"]), _minutes(match["to"])
    if start == _DAY:
        raise ValueError("begins at 24:00; write 00:00 of the next day")
    if start == end:
        raise ValueError(f"begins and ends at {match['from']}; a whole day is 00:00-24:00")
    return Hours(tuple(sorted(set(_days(match["days"])))), start, end or _DAY, _known(match["zone"]))


def _days(text: str) -> Iterable[int]:
    for part in text.split(","):
        first, dash, last = part.partition("-")
        for day in (first, last) if dash else (first,):
            if day not in DAYS:
                raise ValueError(f"names the day '{printable(day, 20)}'; days are {', '.join(DAYS)}")
        if not dash:
            yield DAYS.index(first)
            continue
        begin = DAYS.index(first)
        yield from ((begin + ahead) % 7 for ahead in range((DAYS.index(last) - begin) % 7 + 1))


def _minutes(text: str) -> int:
    match = _TIME.fullmatch(text)
    minutes = 60 * int(match[1]) + int(match[2]) if match else _DAY + 1
    if minutes > _DAY:
        raise ValueError(f"has the time '{printable(text, 20)}'; times are 00:00 to 24:00")
    return minutes


def _known(zone: str) -> str:
    try:
        _zone(zone)
    except (KeyError, ValueError, OSError):  # OSError: a folder of the database, such as Europe
        zones = available_timezones()
        if not zones:
            raise ValueError("needs the time zones, which this machine lacks: pip install tzdata") from None
        guess = closest(zone, zones)
        hint = f"; did you mean {guess}?" if guess else ""
        raise ValueError(f"names the zone {zone}, which is not in the IANA database{hint}") from None
    return zone


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _moments(ordinal: int, minutes: int, zone: str) -> tuple[datetime, datetime]:
    """When the clock of the zone shows that time of that day. It may do so twice, or jump over it: two readings."""
    local = datetime.fromordinal(ordinal) + timedelta(minutes=minutes)
    there = _zone(zone)
    return (
        local.replace(tzinfo=there, fold=0).astimezone(UTC),
        local.replace(tzinfo=there, fold=1).astimezone(UTC),
    )


def _shown(days: tuple[int, ...]) -> str:
    """``mon-wed,sat``: neighbours as ranges."""
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}-{DAYS[run[-1]]}" for run in runs)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _read(value: Any) -> Hours:
    if not isinstance(value, str):
        raise refused(f"is {show(value)}, not {_WANTED}")
    try:
        return parse_hours(value)
    except ValueError as error:
        raise refused(str(error)) from None


_DAY_WORD = f"(?:{'|'.join(DAYS)})"
_DAYS = rf"{_DAY_WORD}(?:-{_DAY_WORD})?(?:,{_DAY_WORD}(?:-{_DAY_WORD})?)*"
_CLOCK = "(?:[01][0-9]|2[0-4]):[0-5][0-9]"
WeeklyHours = Annotated[
    Hours,
    Form(
        _read,
        str,
        {"type": "string", "pattern": rf"^ *{_DAYS} +{_CLOCK}-{_CLOCK} +[A-Za-z0-9_+/-]{{1,64}} *$"},
    ),
]
"""``mon-fri 08:00-18:00 Europe/Berlin`` as a field of a section."""
