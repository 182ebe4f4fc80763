"""Durations, sizes and shares as people write them: ``250ms``, ``64MiB``, ``75%``.

Parsing is exact and strict: a bare number is refused, since nobody can know its unit. Formatting
gives the shortest form that parses back to the same value.
"""

from __future__ import annotations

import re
from datetime import timedelta

_MICROSECONDS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_DECIMAL_BYTES = {"kB": "KiB", "KB": "KiB", "MB": "MiB", "GB": "GiB", "TB": "TiB", "K": "KiB", "M": "MiB", "G": "GiB"}
_NUMBER_UNIT = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,6}))? ?([A-Za-z%]+)")


def parse_duration(text: str) -> timedelta:
    """``"250ms"`` -> `timedelta`. Units: us ms s m h d. Raises `ValueError` with a remedy in its text."""
    microseconds = _parse(text, _MICROSECONDS, "a duration such as 250ms, 10s or 5m")
    try:
        return timedelta(microseconds=microseconds)
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any duration can be") from None


def format_duration(value: timedelta) -> str:
    """The largest unit that shows the value as a whole number: 90 s -> ``90s``, 60 s -> ``1m``; none is ``0s``."""
    return _format(value // timedelta(microseconds=1), _MICROSECONDS) if value else "0s"


def parse_size(text: str) -> int:
    """``"64MiB"`` -> bytes. Units: B KiB MiB GiB TiB. Raises `ValueError` with a remedy in its text."""
    match = _NUMBER_UNIT.fullmatch(text.strip())
    if match and (meant := _DECIMAL_BYTES.get(match[3])):
        number = text.strip().removesuffix(match[3]).rstrip()
        raise ValueError(f"{text!r} has the unit {match[3]}; sizes are in powers of 1024: write {number}{meant}")
    return _parse(text, _BYTES, "a size such as 512KiB or 64MiB")


def format_size(value: int) -> str:
    """The largest unit that shows the value as a whole number: 65536 -> ``64KiB``."""
    return _format(value, _BYTES)


def parse_share(text: str) -> float:
    """``"75%"`` -> 0.75. Raises `ValueError` with a remedy in its text."""
    match = _NUMBER_UNIT.fullmatch(text.strip())
    if match is None or match[3] != "%":
        raise ValueError(f"{text!r} is not a share such as 75%")
    return float(f"{match[1]}.{match[2] or 0}") / 100


def format_share(value: float) -> str:
    """0.75 -> ``75%``."""
    return f"{100 * value:.6f}".rstrip("0").rstrip(".") + "%"


def _parse(text: str, factors: dict[str, int], wanted: str) -> int:
    match = _NUMBER_UNIT.fullmatch(text.strip())
    if match is None or match[3] not in factors:
        raise ValueError(f"{text!r} is not {wanted}")
    whole, fraction, factor = int(match[1]), match[2] or "", factors[match[3]]
    scale: int = 10 ** len(fraction)
    parts, rest = divmod(int(fraction or 0) * factor, scale)
    if rest:
        raise ValueError(f"{text!r} is finer than the smallest unit, 1{next(iter(factors))}")
    return whole * factor + parts


def _format(value: int, factors: dict[str, int]) -> str:
    unit = next(iter(factors))
    for candidate, factor in factors.items():
        if value and value % factor == 0:
            unit = candidate
    return f"{value // factors[unit]}{unit}"
