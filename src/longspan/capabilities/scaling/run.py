"""The errands of scaling: the tick, holding a unit at a count, and the replay of what was recorded.

A tick sees each unit that scales, decides, and writes it down; the next trip of the replicas makes it true.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from longspan.base.errors import LongspanError, Refused
from longspan.base.names import closest
from longspan.capabilities.scaling.decide import Budget, Decision, Room, Seen, State, step
from longspan.spec.resources import over_budget
from longspan.spec.scaling import MOST_REPLICAS, Policy
from longspan.spec.units import Unit
from longspan.system.records import Pin

SHORTEST_SECONDS = 1.0
LONGEST_SECONDS = 30 * 86400.0


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A unit that scales, as it was seen at this tick."""

    unit: str
    digest: str
    policy: Policy
    current: int
    """The count in force."""
    seen: Seen | None
    cpu: float = 0.0
    """Cores granted to each replica; 0: nobody said."""
    memory_bytes: int = 0
    held: str = ""
    """Who holds it at its count until when, in words."""


class See(Protocol):
    def units(self) -> Sequence[Watched]:
        """Those that scale; none when the last tick was only just now."""
        ...

    def budget(self) -> Budget: ...
    def known(self, unit: Watched) -> State: ...


class Do(Protocol):
    def conclude(self, unit: Watched, room: Room | None, state: State, decision: Decision) -> None:
        """Remember the state, note the decision; where it is a new count, want that from now on."""
        ...

    def write_down(self) -> None:
        """What was noted, all at once, when it is time."""
        ...


def tick(see: See, do: Do) -> None:
    """See, decide, write down. Doing it twice at once is doing it once."""
    budget = see.budget()
    for unit in see.units():
        room = budget.room(unit.cpu, unit.memory_bytes, unit.current)
        state, decision = step(see.known(unit), unit.seen, unit.policy, unit.current, room=room, held=unit.held)
        budget = budget.after(unit.cpu, unit.memory_bytes, decision.replicas - unit.current)
        do.conclude(unit, room, state, decision)
    do.write_down()


# ---------------------------------------------------------------------------------- holding, and letting go


class Pins(Protocol):
    def counted(self, now: int) -> Sequence[Unit]:
        """All units of the current generation, with as many replicas as they shall have."""
        ...

    def pinned(self, now: int) -> Collection[str]:
        """Units that somebody holds; also such as are none now, and would be held when they come back."""
        ...

    def budget_of_all(self) -> Budget:
        """What the machine has, nothing granted."""
        ...

    def pin(self, pin: Pin) -> None: ...
    def unpin(self, unit: str) -> None: ...


def hold(pins: Pins, unit: str, replicas: int, *, seconds: float, author: str, now: int) -> tuple[int, Pin]:
    """Hold a unit at so many replicas until then; the count that it had, and the pin.

    Raises `LongspanError` for a unit that is none, `Refused` for a count or a time out of bounds, or when the machine
    cannot grant that many.
    """
    units = {one.name: one for one in pins.counted(now)}
    before = _known(unit, units).replicas
    if units[unit].address:
        remedy = "Whoever started it says how many of it there are"
        raise Refused(f"{unit} is a server that is there already, and has no replicas of ours", remedy=remedy)
    if not 1 <= replicas <= MOST_REPLICAS:
        raise Refused(f"{unit} cannot be held at {replicas} replicas", remedy=f"Give 1 to {MOST_REPLICAS}")
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise Refused(f"{unit} cannot be held for {seconds:g} s", remedy="Give a time from 1s to 30d")
    counts = {name: one.replicas for name, one in units.items()} | {unit: replicas}
    has = pins.budget_of_all()
    # Fewer than there are is always possible, however much is granted.
    if replicas > before and (refusal := over_budget(units.values(), counts, has.cores, has.memory_bytes)) is not None:
        raise refusal
    pin = Pin(unit=unit, replicas=replicas, author=author, at=now, until=now + round(seconds * 1e9))
    pins.pin(pin)
    return before, pin


def release(pins: Pins, unit: str, now: int) -> tuple[int, int]:
    """Hold it no longer; the count that it had, and that it has now: none where it is held and no unit any more.

    Raises `LongspanError` for a unit that is neither.
    """
    before = {one.name: one for one in pins.counted(now)}
    if unit not in pins.pinned(now):
        _known(unit, before)
    pins.unpin(unit)
    after = {one.name: one for one in pins.counted(now)}
    return before[unit].replicas if unit in before else 0, after[unit].replicas if unit in after else 0


def _known(name: str, units: Mapping[str, Unit]) -> Unit:
    if (unit := units.get(name)) is not None:
        return unit
    guess = closest(name, units)
    there = ", ".join(sorted(units)[:12]) or "none"
    raise LongspanError(
        f"there is no unit {name}", remedy=f"Did you mean {guess}?" if guess else f"There is {there}: longspan status"
    )
