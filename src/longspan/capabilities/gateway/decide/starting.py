"""May Envoy be started now? At once after a death; later and later when it dies as it starts."""

from __future__ import annotations

import msgspec

SECOND = 1_000_000_000
_CALM = 10 * SECOND
_LONGEST = 30 * SECOND


class Past(msgspec.Struct, frozen=True):
    """How Envoy fared under this control. Times are UTC nanoseconds since 1970."""

    started_at: int | None = None
    died_at: int | None = None
    quick_deaths: int = 0
    """Deaths in a row within ten seconds of a start."""


def died(past: Past, now: int) -> Past:
    """Envoy was seen dead at `now`, after it had been seen alive or was started."""
    calm = past.started_at is None or now - past.started_at >= _CALM
    return Past(past.started_at, now, 1 if calm else past.quick_deaths + 1)


def may_start(past: Past, now: int) -> bool:
    """Not before 0.5, 1, 2 ... 30 s have passed since the second, third, fourth ... quick death in a row."""
    if past.died_at is None or past.quick_deaths <= 1:
        return True
    # A death that lies ahead is one before the clock was set back: who knows how long ago.
    return not 0 <= now - past.died_at < min(_LONGEST, (SECOND >> 2) << min(past.quick_deaths - 1, 20))
