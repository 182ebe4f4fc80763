"""Rates over time, for arrivals that are made: the loads that people meet."""

from __future__ import annotations

import math

from benchmarks.queue_model.arrivals import Rate


def steady(rate: float) -> Rate:
    """The same for ever."""
    return lambda at: rate


def ramp(start: float, end: float, calm: float, seconds: float) -> Rate:
    """`start` for `calm` seconds, then in a straight line to `end` within `seconds`, which it keeps."""
    return lambda at: start + (end - start) * min(1.0, max(0.0, (at - calm) / seconds))


def steps(rates: tuple[float, ...], each: float) -> Rate:
    """Each of `rates` for `each` seconds; the last one is kept."""
    return lambda at: rates[min(len(rates) - 1, int(at / each))]


def bursts(low: float, high: float, every: float, lasting: float) -> Rate:
    """`low`, and at the end of each period of `every` seconds `high` for `lasting` seconds."""
    return lambda at: high if at % every >= every - lasting else low


def day(low: float, high: float, seconds: float) -> Rate:
    """One day squeezed into `seconds`: `low` at night, `high` at noon, a cosine between them."""
    return lambda at: low + (high - low) * (1 - math.cos(2 * math.pi * at / seconds)) / 2
