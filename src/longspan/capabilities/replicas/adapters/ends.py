"""How replicas ended, in words, for as long as somebody may wonder.

Its parent alone learns how a process ended, so of one that an earlier control had started nothing is known but that it
is gone. All this is in memory: the log of the slot has it for good.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from longspan.system.records import Slot
from longspan.wire.exits import REASONS

TOLD_SECONDS = 600.0


class Ends:
    """The last end of each slot. Written by the thread of the trips, read by any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._told: dict[tuple[str, int], tuple[str, float]] = {}
        self._why: dict[str, str] = {}

    def because(self, slot: Slot, reason: str) -> None:
        """We are about to end its process, for that reason."""
        self._why[slot.replica] = reason

    def ended(self, slot: Slot, code: int) -> str:
        """Its process has ended with that `code` of `subprocess`: how, in words."""
        why = self._why.pop(slot.replica, "")
        told = f"killed: {why}" if why else words(code)
        # One that was told to leave is no news, nor is it the end of anything that goes on.
        if slot.stopping_at is None:
            now = self._clock()
            recent = {of: one for of, one in self._told.items() if now - one[1] < TOLD_SECONDS}
            self._told = recent | {(slot.unit, slot.slot): (told, now)}
        return told

    def forget(self, slot: Slot) -> None:
        """The slot is free."""
        self._why.pop(slot.replica, None)
        self._told = {of: one for of, one in self._told.items() if of != (slot.unit, slot.slot)}

    def recent(self) -> dict[tuple[str, int], str]:
        """(unit, slot) -> how its last process ended and how long ago, where that was in the last minutes."""
        now = self._clock()
        return {of: f"{told}, {_ago(now - at)} ago" for of, (told, at) in self._told.items() if now - at < TOLD_SECONDS}


def words(code: int) -> str:
    """A return code of `subprocess`, in words."""
    if code >= 0:
        return f"exit code {code}" + (f", it {REASONS[code]}" if code in REASONS else "")
    return f"signal {-code} ({signal.strsignal(-code) or 'unknown'})"


def _ago(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
