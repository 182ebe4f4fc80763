"""What a trip saw: the values that all of control's doors show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from longspan.system.records import GatewaySeen, Generation, Replica, Sample, Wanted


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """How the replicas of a unit are held to the memory they are granted."""

    guard: Literal["watched", "cgroup"]
    """One that is over it is replaced, or the kernel ends it as well."""
    replaced: int
    """So many were, under this control."""
    trouble: str = ""
    """Why replacing does not help; else empty."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What the last trip saw."""

    current: Generation | None = None
    pending: Generation | None = None
    wanted: tuple[Wanted, ...] = ()
    """Oldest work first."""
    replicas: tuple[Replica, ...] = ()
    samples: tuple[Sample, ...] = ()
    """Their load pages, read once for all who ask."""
    memory: Mapping[str, Memory] = {}
    """Of each unit that is granted some."""
    gateway: GatewaySeen = GatewaySeen(pid=None)
    in_force: int | None = None
    """The last generation of which it was seen that the gateway sends to its replicas alone."""
    leftover: frozenset[str] = frozenset()
    """Sockets that the gateway still holds and shall not: of what was replaced, or has failed."""
    trouble: str = ""
    """What keeps the gateway from doing what it shall."""
    moving: bool = True
    """Something is under way: look again soon."""
