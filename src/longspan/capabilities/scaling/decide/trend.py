"""Is the load on its way up, and what will it be when a replica that is asked for now could help?

The mean of a panic window is half a window late, and a replica comes a start later still. So where more and more
comes, clearly and not by chance, what was seen is carried forward along the line that it is on.

A rise is looked for in times of several lengths: a steep one shows in a short time, a slow one only in a long time. A
step is no rise: what came within the later time must itself have gone up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul

import msgspec

from longspan.capabilities.scaling.decide.values import Seen

AHEAD_SECONDS = 3.0
"""So far what was seen is carried beyond the present."""
SPANS = (1, 2, 5)
"""Panic windows, each compared with as long a time before it."""
BY_CHANCE = 4.0
"""Requests that come independently of each other (Poisson) differ by more than so many standard deviations in one of
thirty thousand comparisons."""
STILL = 0.5
"""The later time must itself have risen by this share of what the line through both says."""

_DUST = 1e-3
"""Seconds by which a second may be short, and still fill its time."""


class Rise(msgspec.Struct, frozen=True):
    """More and more comes."""

    before: float
    """Requests a second, the mean of the earlier time."""
    now: float
    """The same of the later one."""
    seconds: float
    """Between the middles of both."""

    @property
    def slope(self) -> float:
        """Requests a second, more in each second."""
        return (self.now - self.before) / self.seconds


def rise(entries: Sequence[Seen], panic_seconds: float) -> Rise | None:
    """The steepest time's rise that is none by chance; None where there is none, or arrivals are missing."""
    known = [one.arrivals for one in entries if one.arrivals is not None]
    if len(known) < len(entries):
        return None
    time = [one.span for one in entries]
    came = list(map(mul, known, time))
    for panics in SPANS:
        middle = _begin(time, len(time), panics * panic_seconds)
        first = _begin(time, middle, panics * panic_seconds) if middle is not None else None
        if middle is None or first is None:
            return None
        found = _between(time, came, first, middle, len(time))
        if found is not None and _clear(found, time, first, middle) and _goes_on(found, time, came, middle):
            return found
    return None


def foreseen(moment: Seen, found: Rise) -> Seen:
    """What `moment` would be `AHEAD_SECONDS` after its end, did the load go on rising like that."""
    rate = moment.arrivals or 0.0
    times = 1 + found.slope * (moment.span / 2 + AHEAD_SECONDS) / rate if rate > 0 else 1.0

    def then(value: float | None) -> float | None:
        return value * times if value is not None else None

    return msgspec.structs.replace(
        moment, arrivals=then(moment.arrivals), cpu=then(moment.cpu), in_flight=then(moment.in_flight)
    )


def told(found: Rise) -> str:
    """``requests rose from 31.0/s to 44.5/s within 6 s``."""
    return f"requests rose from {found.before:.1f}/s to {found.now:.1f}/s within {found.seconds:.0f} s"


def _begin(time: Sequence[float], end: int, seconds: float) -> int | None:
    """Where the last entries before `end` begin that fill so many seconds; None when all together do not."""
    held = 0.0
    for at in range(end - 1, -1, -1):
        held += time[at]
        if held >= seconds - _DUST:
            return at
    return None


def _between(time: Sequence[float], came: Sequence[float], first: int, middle: int, end: int) -> Rise | None:
    """From the entries `first` to `middle` to those until `end`, where it goes up. `came`: requests of each entry."""
    earlier, later = sum(time[first:middle]), sum(time[middle:end])
    if earlier <= 0 or later <= 0:
        return None
    before, now = sum(came[first:middle]) / earlier, sum(came[middle:end]) / later
    return Rise(before, now, (earlier + later) / 2) if now > before else None


def _clear(found: Rise, time: Sequence[float], first: int, middle: int) -> bool:
    """Of n requests that come by chance, n is also the variance."""
    variance = found.before / sum(time[first:middle]) + found.now / sum(time[middle:])
    return found.now - found.before > BY_CHANCE * math.sqrt(variance)


def _goes_on(found: Rise, time: Sequence[float], came: Sequence[float], middle: int) -> bool:
    newest = _begin(time, len(time), sum(time[middle:]) / 2)
    within = _between(time, came, middle, newest, len(time)) if newest is not None and newest > middle else None
    return within is not None and within.slope >= STILL * found.slope
