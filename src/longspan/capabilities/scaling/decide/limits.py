"""Between which counts may the load choose? The file's limits, the hours that raise them, and the machine."""

from __future__ import annotations

import msgspec

from longspan.spec.scaling import Policy, Raised

_DUST = 1e-9
"""Sums of shares such as 0.1 are off by less than this."""


class Room(msgspec.Struct, frozen=True):
    """What the machine has room for, where something bounds it."""

    replicas: int
    """Of this unit, those that run included."""
    why: str
    """``2 of 2 cores are granted``."""


class Limits(msgspec.Struct, frozen=True):
    """The bounds of this moment."""

    least: int
    most: int
    schedule: Raised | None = None
    """The hours that raise the least, where any do."""

    def within(self, replicas: int) -> int:
        return min(max(replicas, self.least), self.most)


def limits(policy: Policy, at: int) -> Limits:
    """`at`: UTC nanoseconds since 1970, for the hours."""
    if not policy.schedules:
        return Limits(policy.min, policy.max)
    raised = [one for one in policy.schedules if one.min > policy.min and one.hours.hold(at)]
    highest = max(raised, key=lambda one: one.min, default=None)
    return Limits(min(highest.min, policy.max) if highest else policy.min, policy.max, highest)


def no_room(room: Room) -> str:
    """``the machine has no room for a third: 2 of 2 cores are granted``."""
    return f"the machine has no room for {_a(room.replicas + 1)}: {room.why}"


def _a(number: int) -> str:
    words = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh")
    return f"a {words[number]}" if 0 < number < len(words) else f"replica {number}"


class Budget(msgspec.Struct, frozen=True):
    """What the machine has, and what of it is granted to the replicas that there shall be."""

    cores: float
    memory_bytes: int
    granted_cores: float = 0.0
    granted_bytes: int = 0

    def after(self, cpu: float, memory_bytes: int, replicas: int) -> Budget:
        """With so many replicas more (or fewer) that are granted so much each."""
        return Budget(
            self.cores,
            self.memory_bytes,
            self.granted_cores + cpu * replicas,
            self.granted_bytes + memory_bytes * replicas,
        )

    def room(self, cpu: float, memory_bytes: int, current: int) -> Room | None:
        """For a unit of `current` replicas that are granted so much each; None when it is granted nothing."""
        rooms = []
        if cpu > 0:
            why = f"{self.granted_cores:g} of {self.cores:g} cores are granted"
            rooms.append(Room(current + max(0, int((self.cores - self.granted_cores) / cpu + _DUST)), why))
        if memory_bytes > 0:
            why = f"{_gib(self.granted_bytes)} of {_gib(self.memory_bytes)} of memory are granted"
            rooms.append(Room(current + max(0, (self.memory_bytes - self.granted_bytes) // memory_bytes), why))
        return min(rooms, key=lambda room: room.replicas, default=None)


def _gib(number_bytes: int) -> str:
    return f"{number_bytes / 2**30:.2f}".rstrip("0").rstrip(".") + "GiB"
