"""Counts and pins as notes of a plan: what somebody or something has changed that no generation holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from longspan.spec.units import Unit
from longspan.system.records import Count, Pin


def holds(pin: Pin) -> str:
    """``held at 3 by ana@laptop until 2026-11-24 14:00:00Z``."""
    return f"held at {pin.replicas} by {pin.author} until {_utc(pin.until)}"


def notes(units: Sequence[Unit], counts: Mapping[str, Count], pins: Mapping[str, Pin], now: int) -> tuple[str, ...]:
    """A line for each unit that has another count than the file says, or would have were it there.

    `units`: as the file has them; `now`: UTC nanoseconds since 1970.
    """
    found = []
    for unit in units:
        pin, count = pins.get(unit.name), counts.get(unit.name)
        if pin is not None and now < pin.until:
            found.append(f"{unit.name} is {holds(pin)}; the file says {unit.replicas}")
        elif count is not None and count.replicas != unit.replicas:
            found.append(f"{unit.name} is scaled to {count.replicas} ({count.reason}); the file says {unit.replicas}")
    gone = pins.keys() - {unit.name for unit in units}
    found += [f"{name} is {holds(pins[name])}; it is no unit now" for name in sorted(gone) if now < pins[name].until]
    return tuple(found)


def _utc(at: int) -> str:
    return f"{datetime.fromtimestamp(at // 10**9, UTC):%Y-%m-%d %H:%M:%SZ}"
