"""Does a figure grow? Pure: a robust line through what was seen, and a verdict against a bound.

The slope is the median of the slopes between all pairs of points (Theil and Sen): a third of the points may be far out,
as those are that fall into an update, and it stays. Its interval is that of Kendall's statistic for 95% (Sen 1968, in
the normal approximation without ties). It takes points for independent; successive ones of a process are not quite, so
the interval is a little too narrow, which makes a verdict of growth come sooner, not later.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

LEAST_POINTS = 5
_95_PERCENT = 1.96
HOUR_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth an hour: the slope itself, and the interval that holds the true one in 95 of 100 cases."""

    hourly: float
    least: float
    greatest: float


def slope(seconds: Sequence[float], values: Sequence[float]) -> Slope:
    """Of points in any order, no two at the same moment. Raises `ValueError` for fewer than `LEAST_POINTS`."""
    points = sorted(zip(seconds, values, strict=True))
    count = len(points)
    if count < LEAST_POINTS:
        raise ValueError(f"{count} points are too few for a slope: {LEAST_POINTS} or more")
    between = sorted((y - v) / (x - u) for i, (u, v) in enumerate(points) for x, y in points[i + 1 :])
    spread = _95_PERCENT * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    first = max(0, math.floor((len(between) - spread) / 2))
    last = min(len(between) - 1, math.ceil((len(between) + spread) / 2))
    return Slope(*(HOUR_SECONDS * one for one in (median(between), between[first], between[last])))


def verdict(found: Slope, bound: float) -> Literal["flat", "open", "grows"]:
    """``grows`` only when the whole interval is beyond `bound`, a growth an hour; ``flat`` when none of it is."""
    if found.least > bound:
        return "grows"
    return "flat" if found.greatest <= bound else "open"
