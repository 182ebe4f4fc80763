"""Between which counts may the load choose? The file's limits, the hours that raise them, and the machine."""

from __future__ import annotations

import msgspec

from longspan.spec.scaling import Policy, Raised


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
