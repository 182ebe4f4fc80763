"""When is each request of a load due? A steady rate, a ramp that then holds, or moments that were recorded.

Pure arithmetic: request `n` (from 0) is due `due_ns(n)` after the start, never earlier than the one before it, and
`before(seconds)` counts those due earlier than that. The two agree to within a millionth of a request.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

MOST_REQUESTS = 20_000_000
"""Of one load: its latencies are kept exactly, 8 bytes each."""


class Schedule(Protocol):
    """When requests are due, from the start of a load on."""

    def due_ns(self, number: int) -> int:
        """Nanoseconds from the start to when this request (0, 1, ...) is due; never falling."""
        ...

    def before(self, seconds: float) -> int:
        """How many are due before that moment; at most `MOST_REQUESTS` + 1, also for infinity."""
        ...


@dataclass(frozen=True, slots=True)
class Steady:
    """The same distance between any two. Raises `ValueError` for a rate that is not positive."""

    rate_per_second: float
    _period_ns: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.rate_per_second < math.inf:
            raise ValueError("rate_per_second must be positive")
        object.__setattr__(self, "_period_ns", max(1, round(1e9 / self.rate_per_second)))

    def due_ns(self, number: int) -> int:
        return number * self._period_ns

    def before(self, seconds: float) -> int:
        return _whole(seconds * self.rate_per_second)


@dataclass(frozen=True, slots=True)
class Ramp:
    """From one rate evenly up or down to another within `over_seconds`, which then holds.

    Raises `ValueError` when a rate is negative, the last one not positive, or the time not positive.
    """

    from_per_second: float
    to_per_second: float
    over_seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.from_per_second < math.inf or not 0 < self.to_per_second < math.inf:
            raise ValueError("a ramp goes from a rate of at least 0 to one above 0")
        if not 0 < self.over_seconds < math.inf:
            raise ValueError("over_seconds must be positive")

    def due_ns(self, number: int) -> int:
        within = self._until(self.over_seconds)
        if number >= within:
            return round((self.over_seconds + (number - within) / self.to_per_second) * 1e9)
        # `_until` solved for the time, in the form that does not divide by what vanishes with the slope.
        a, slope = self.from_per_second, (self.to_per_second - self.from_per_second) / self.over_seconds
        return round(2 * number / (a + math.sqrt(max(0.0, a * a + 2 * slope * number))) * 1e9) if number else 0

    def before(self, seconds: float) -> int:
        beyond = max(0.0, seconds - self.over_seconds) * self.to_per_second
        return _whole(self._until(min(seconds, self.over_seconds)) + beyond)

    def _until(self, seconds: float) -> float:
        """Requests due within the first seconds of the ramp: the area below its line."""
        rise = (self.to_per_second - self.from_per_second) * seconds / self.over_seconds
        return (self.from_per_second + rise / 2) * seconds


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Moments that were recorded, in seconds since the start of the recording.

    Raises `ValueError` when there are none, too many, or one that is negative or earlier than the one before it.
    """

    at_seconds: Sequence[float] = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 < len(self.at_seconds) <= MOST_REQUESTS:
            raise ValueError(f"arrivals are from 1 to {MOST_REQUESTS}")
        last = 0.0
        for number, at in enumerate(self.at_seconds):
            if not last <= at < math.inf:
                raise ValueError(f"arrival {number} is at {at} s: they begin at 0 and never go back")
            last = at

    def due_ns(self, number: int) -> int:
        return round(self.at_seconds[number] * 1e9)

    def before(self, seconds: float) -> int:
        return bisect_left(self.at_seconds, seconds)


def _whole(requests: float) -> int:
    """The requests due before a moment, from the area below the rate; what floating point adds is taken off."""
    return math.ceil(round(requests, 6)) if requests <= MOST_REQUESTS else MOST_REQUESTS + 1
