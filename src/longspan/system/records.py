"""The shared records: pure values that corridors see, deciders take and doors show.

A `Generation` is what was accepted; a `Replica` is what was seen of one slot; an `Endpoint` is where
the gateway may send requests. None of them knows how it was read or stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from longspan.base.errors import Refused
from longspan.spec.units import Pins, Unit
from longspan.wire.orders import Described, Work

GenerationState = Literal["pending", "serving", "replaced", "failed"]
ReplicaState = Literal["starting", "ready", "draining", "crash-loop", "dead"]
"""``dead`` waits for its restart; ``crash-loop`` has died so often that it waits longer each time."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """All that a generation holds: the file in canonical form, what its steps take, what it is pinned to."""

    system: dict[str, Any]
    described: Described
    pins: Pins


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """A numbered, immutable, accepted system, and how it fared. Times are UTC nanoseconds since 1970."""

    number: int
    parent: int | None
    author: str
    at: int
    accepted: Accepted
    state: GenerationState
    ready_at: int | None = None
    """When all its replicas were first seen ready and routed: settle counts from here."""
    served_at: int | None = None
    reason: str = ""
    """Why it failed, in words; else empty."""
    last_log: tuple[str, ...] = ()
    """The last log lines of the replica that made it fail."""


def must_be_current(current: int | None, on: int | None) -> None:
    """Raises `Refused` when the caller planned `on` another generation than the `current` one."""
    if on is not None and on != current:
        raise Refused(
            f"the current generation is {current}, not {on}",
            remedy="Look at longspan plan again, then apply on what it names",
        )


def must_be_alone(pending: int | None) -> None:
    """Raises `Refused` while a generation is on its way: what comes after it would be planned on sand."""
    if pending is not None:
        raise Refused(
            f"generation {pending} is still on its way",
            remedy="Wait until it serves or has failed (longspan status), then apply again",
        )


class Change(msgspec.Struct, frozen=True):
    """One line of a plan. `kind`: ``+`` new, ``-`` gone, ``~`` changed."""

    kind: Literal["+", "-", "~"]
    at: str
    before: str
    after: str


class Endpoint(msgspec.Struct, frozen=True, order=True):
    """Where the gateway may send requests: a replica, or a server of somebody else's."""

    unit: str
    slot: int
    socket: str
    """Its address: the path of a socket, relative to the state folder, or ``127.0.0.1:PORT``. The path is absolute for
    a server that is there already."""
    version: str = ""
    """What it answers to, if it is a step apart: callers of another version are not sent there."""
    path: str = ""
    """A server of somebody else's knows the step as this, ``/v2/models/MODEL``; empty: it is one of ours."""


class Cors(msgspec.Struct, frozen=True):
    """Pages of which other origins a browser may let call."""

    origins: tuple[str, ...]
    headers: tuple[str, ...] = ()
    max_age_seconds: int = 600


class GatewayWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What Envoy shall do: listen here, know these units, send to these endpoints.

    One `Work` per unit name. A unit without endpoints keeps its routes (503 until one comes).
    """

    port: int
    works: tuple[Work, ...]
    endpoints: tuple[Endpoint, ...]
    cors: Cors | None = None


EDS = "eds/"
"""Stands before the name of a unit in the kind of its endpoints' file."""


class GatewaySeen(msgspec.Struct, frozen=True, kw_only=True):
    """What Envoy was seen to do, read back from its admin socket."""

    pid: int | None
    """None: no process holds Envoy's lock."""
    version: str = ""
    listening: bool = False
    applied: dict[str, str] = {}
    """Kind of configuration (`lds`, `cds`, `rds`, `egress`, `ecds`, `eds/UNIT`) -> version that Envoy took."""
    endpoints: frozenset[str] = frozenset()
    """Addresses that Envoy's clusters hold now, each as in `Endpoint`: what is routed."""
    leaving_since: int | None = None
    """Envoy was found told to leave by a control that is dead: when that was seen. UTC nanoseconds since 1970."""
    rejected: str = ""
    """Why Envoy refused the last configuration; empty when it took all."""

    @property
    def clusters(self) -> frozenset[str]:
        """Units that Envoy knows, and would send requests for."""
        return frozenset(kind.removeprefix(EDS) for kind in self.applied if kind.startswith(EDS))


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A unit that shall run. Two of one name: a generation is replacing another."""

    unit: Unit
    generation: int
    """The generation that brought this work; replicas of the same work are carried over from older ones."""


class Callee(msgspec.Struct, frozen=True):
    """A step apart as its callers know it: the unit that runs it, and the version that they were made for."""

    unit: str
    version: str


def called(work: Work) -> frozenset[Callee]:
    """Whom replicas of this work call."""
    return frozenset(Callee(step.unit, step.version) for one in work.services for step in one.steps if step.unit)


def answered(work: Work) -> frozenset[Callee]:
    """As whom replicas of this work are called: of a step apart, one."""
    return frozenset(Callee(work.unit, service.version) for service in work.services if service.internal)


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger remembers of a numbered place for a replica. Times are UTC nanoseconds since 1970."""

    unit: str
    slot: int
    replica: str
    generation: int
    digest: str
    since: int
    """When its process was started."""
    ready_at: int | None = None
    stopping_at: int | None = None
    """When it was told to drain; a death after that is no failure."""
    died_at: int | None = None
    restarts: int = 0
    """Deaths in this slot with this digest so far."""
    quick_deaths: int = 0
    """Deaths in a row without having been ready for a while: what back-off grows on."""
    port: int = 0
    """The loopback port that it listens on, chosen at its first start and kept; 0: it listens on the slot's socket."""

    @property
    def address(self) -> str:
        """Where its replicas listen, whoever it is: the path of a socket relative to the state folder, or HOST:PORT."""
        return f"127.0.0.1:{self.port}" if self.port else f"run/{self.unit}/{self.slot}.sock"


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many replicas a unit shall have now, as the scaler concluded; no part of any generation."""

    unit: str
    replicas: int
    reason: str
    at: int
    """UTC nanoseconds since 1970."""


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """A count that a person holds a unit at, until it ends. Times are UTC nanoseconds since 1970."""

    unit: str
    replicas: int
    author: str
    at: int
    until: int


def held(unit: Unit, counts: Mapping[str, Count], pins: Mapping[str, Pin], now: int) -> int:
    """How many replicas the unit shall have at the moment: as a person says, else the scaler, else the file."""
    pin = pins.get(unit.name)
    if pin is not None and now < pin.until:
        return pin.replicas
    count = counts.get(unit.name)
    return count.replicas if count is not None else unit.replicas


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The load page of one replica, read at one moment; `load` is the value of `longspan.wire.load`."""

    unit: str
    slot: int
    replica: str
    at: int
    load: Any


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """One slot as it was seen: what the ledger remembers of it, and the process that holds its lock."""

    slot: Slot
    state: ReplicaState
    pid: int | None = None
    """None when no process holds the slot's lock."""
    memory_bytes: int = 0
    """Resident, as its load page tells; 0 when it does not."""

    @property
    def unit(self) -> str:
        return self.slot.unit

    @property
    def digest(self) -> str:
        return self.slot.digest
