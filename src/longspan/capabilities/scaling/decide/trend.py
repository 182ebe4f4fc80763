"""Is the load on its way up, and what will it be when a replica that is asked for now could help?

The mean of a panic window is half a window late, and a replica comes a start later still. So where more and more
comes, clearly and not by chance, what was seen is carried forward along the line that it is on.

A rise is looked for in times of several lengths: a steep one shows in a short time, a slow one only in a long time. A
step is no rise: what came within the later time must itself have gone up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from longspan.capabilities.scaling.decide import window as windows
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
    for panics in SPANS:
        later = windows.last(entries, panics * panic_seconds)
        earlier = windows.last(entries[: len(entries) - len(later)], panics * panic_seconds) if later else None
        if later is None or earlier is None:
            return None
        found = _between(earlier, later)
        if found is not None and _clear(found, earlier, later) and _goes_on(found, later):
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


def _between(earlier: Sequence[Seen], later: Sequence[Seen]) -> Rise | None:
    before, now = windows.rate(earlier), windows.rate(later)
    if before is None or now is None or now <= before:
        return None
    return Rise(before, now, (windows.spans(earlier) + windows.spans(later)) / 2)


def _clear(found: Rise, earlier: Sequence[Seen], later: Sequence[Seen]) -> bool:
    """Of n requests that come by chance, n is also the variance."""
    variance = found.before / windows.spans(earlier) + found.now / windows.spans(later)
    return found.now - found.before > BY_CHANCE * math.sqrt(variance)


def _goes_on(found: Rise, later: Sequence[Seen]) -> bool:
    newest = windows.last(later, windows.spans(later) / 2)
    oldest = later[: len(later) - len(newest)] if newest else ()
    within = _between(oldest, newest) if newest and oldest else None
    return within is not None and within.slope >= STILL * found.slope
