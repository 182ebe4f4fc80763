"""Control's deciders at work together on a world made of values: processes, an Envoy that takes its time, a ledger.

What requests need is asserted on the way: nobody is routed before those whom it calls, and nobody goes while it is
called.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from longspan.base.signatures import Signature
from longspan.capabilities.generations import decide as generations
from longspan.capabilities.replicas.decide import (
    SECOND,
    Drain,
    Forget,
    Kill,
    Sight,
    Start,
    look,
    remembered,
    socket_of,
    trip,
)
from longspan.spec.units import Pins, Unit
from longspan.system.records import (
    Accepted,
    Callee,
    Count,
    Endpoint,
    GatewaySeen,
    Generation,
    Replica,
    Slot,
    answered,
    called,
)
from longspan.wire.orders import Described, Identity, Limits, ServiceWork, StepWork, Work

ACCEPTED = Accepted(system={}, described=Described(), pins=Pins())
ENTRY, APART = "read", "read.find"


def service(name: str, *steps: StepWork, version: str = "1", internal: bool = False) -> ServiceWork:
    return ServiceWork(
        name=name, version=version, inputs={}, outputs={}, steps=steps, accepts={}, answers={}, limits=Limits(),
        internal=internal,
    )  # fmt: skip


def step(version: str = "") -> StepWork:
    unit = APART if version else ""
    return StepWork(name="find", unit=unit, version=version, repeatable=True, inputs={}, signature=Signature({}, {}))


def unit(work: Work, digest: str) -> Unit:
    return Unit(work=work, digest=digest, replicas=1, ready_within_seconds=60, settle_seconds=2)


def entry(version: str) -> Unit:
    work = Work(unit=ENTRY, services=(service(ENTRY, step(version)),), calls=(APART,) if version else ())
    return unit(work, f"entry-{version}")


def apart(version: str, model: str) -> Unit:
    work = Work(unit=APART, services=(service(APART, step(), version=version, internal=True),))
    return unit(work, f"{version}-{model}")


SYSTEMS = (
    (entry(""),),
    (entry("a"), apart("a", "old")),
    (entry("a"), apart("a", "new")),  # another model: callers need not know
    (entry("b"), apart("b", "new")),  # another signature: callers and callees change together
)


@dataclass
class System:
    """Processes, an Envoy that takes each unit's endpoints when it pleases, and what control has written down."""

    now: int = 1_000 * SECOND
    history: list[tuple[Generation, tuple[Unit, ...]]] = field(default_factory=list)
    counts: dict[str, Count] = field(default_factory=dict)
    slots: dict[str, Slot] = field(default_factory=dict)
    alive: dict[str, str] = field(default_factory=dict)
    """Socket -> replica id of the process there."""
    ready: set[str] = field(default_factory=set)
    envoy: dict[str, frozenset[str]] | None = None
    """Unit -> sockets that Envoy holds; None: it does not run."""
    told: dict[str, frozenset[str]] = field(default_factory=dict)

    # What is seen

    @property
    def routed(self) -> frozenset[str]:
        return frozenset().union(*(self.envoy or {}).values())

    def in_state(self, state: str) -> Generation | None:
        return next((generation for generation, _ in self.history if generation.state == state), None)

    def units(self, number: int) -> tuple[Unit, ...]:
        return generations.as_held(self.history[number - 1][1], {ENTRY: 9, APART: 9}, self.counts, {}, self.now)

    def work(self, socket: str) -> Work:
        slot = self.slots[socket]
        return next(one.work for one in self.units(slot.generation) if one.digest == slot.digest)

    def reached(self) -> set[Callee]:
        """Steps that a call made now would be answered by."""
        able = [s for s in self.ready & self.routed if self.slots[s].stopping_at is None]
        return {callee for socket in able for callee in answered(self.work(socket))}

    # What happens

    def apply(self, number: int) -> None:
        if self.in_state("pending") is None:
            made = Generation(
                number=len(self.history) + 1, parent=None, author="ada", at=self.now, accepted=ACCEPTED, state="pending"
            )
            self.history.append((made, SYSTEMS[number]))

    def mark(self, generation: Generation, **known: object) -> None:
        number = generation.number
        self.history[number - 1] = (replace(self.history[number - 1][0], **known), self.history[number - 1][1])

    def end(self, socket: str) -> None:
        self.alive.pop(socket, None)
        self.ready.discard(socket)

    def take(self, unit: str) -> None:
        if self.envoy is not None and unit in self.told:
            self.envoy[unit] = self.told[unit]

    # One trip of control

    def trip(self) -> None:
        current, pending = self.in_state("serving"), self.in_state("pending")
        units = {g.number: self.units(g.number) for g in (current, pending) if g}
        wanted = generations.wanted(current, pending, units)
        brought = {generation.number: self.units(generation.number) for generation, _ in self.history}
        serving = current.number if current else None
        staying = generations.staying(wanted, list(self.slots.values()), brought, serving)
        seen = [self.look(socket) for socket in list(self.slots)]
        gateway = GatewaySeen(pid=None if self.envoy is None else 1, listening=True, endpoints=self.routed)
        concluded = trip((*staying, *wanted), seen, self.routed, self.now, afresh=self.envoy is None)
        self.no_caller_comes_first(concluded.endpoints)
        for move in concluded.moves:
            self.act(move)
        served = {want.unit.name for want in (*staying, *wanted)}
        assert {callee.unit for socket in self.alive for callee in called(self.work(socket))} <= served
        self.tell(concluded.endpoints)
        if pending:
            self.judge(pending, current, units, seen, gateway)
        self.now += SECOND

    def look(self, socket: str) -> Replica:
        slot = self.slots[socket]
        lives = self.alive.get(socket) == slot.replica
        who = Identity(
            replica=slot.replica, unit=slot.unit, generation=1, digest="", build="1", pid=1, state="ready"
        )  # fmt: skip
        sight = Sight(
            pid=1 if lives else None,
            child="alive" if lives else "gone",
            identity=who if lives and socket in self.ready else None,
        )
        found = look(slot, sight, self.now)
        self.slots[socket] = remembered(found, self.now)
        return replace(found, slot=self.slots[socket])

    def no_caller_comes_first(self, endpoints: tuple[Endpoint, ...]) -> None:
        for endpoint in endpoints:
            if endpoint.socket not in self.routed and self.envoy is not None:
                assert called(self.work(endpoint.socket)) <= self.reached(), "routed before those whom it calls"

    def act(self, move: Start | Drain | Kill | Forget) -> None:
        match move:
            case Start(fresh, _):
                socket = socket_of(fresh.unit, fresh.slot)
                assert socket not in self.alive, "two processes in one slot"
                self.slots[socket] = replace(fresh, replica=f"{fresh.slot}-{self.now}")
                self.alive[socket] = self.slots[socket].replica
            case Drain(gone):
                socket = socket_of(gone.unit, gone.slot.slot)
                assert socket not in self.routed, "drained while it was sent requests"
                self.slots[socket] = replace(gone.slot, stopping_at=self.now)
                self.nobody_called_goes(answered(self.work(socket)))
            case Kill(late, _):
                self.end(socket_of(late.unit, late.slot.slot))
            case Forget(known):
                socket = socket_of(known.unit, known.slot)
                assert socket not in self.alive, "a living process was forgotten"
                del self.slots[socket]

    def nobody_called_goes(self, gone: frozenset[Callee]) -> None:
        """The last that could answer does not go while a caller lives, unless for one that was ready, or comes back."""
        here = [socket for socket, slot in self.slots.items() if slot.stopping_at is None]
        here = [socket for socket in here if self.slots[socket].ready_at is not None or self.slots[socket].restarts]
        others = {callee for socket in here for callee in answered(self.work(socket))}
        # One that is neither routed nor on its way out has nobody to call for.
        at_work = [s for s in self.alive if s in self.routed or self.slots[s].stopping_at is not None]
        for socket in at_work:
            assert not (called(self.work(socket)) & gone - others), "drained while a caller lives"

    def tell(self, endpoints: tuple[Endpoint, ...]) -> None:
        by_unit = {one: frozenset(e.socket for e in endpoints if e.unit == one) for one in (ENTRY, APART)}
        self.told = by_unit
        if self.envoy is None:
            self.envoy = dict(by_unit)  # it reads everything before it listens

    def judge(
        self,
        pending: Generation,
        current: Generation | None,
        units: dict[int, tuple[Unit, ...]],
        seen: list[Replica],
        gateway: GatewaySeen,
    ) -> None:
        carried = frozenset(one.digest for one in units[current.number]) if current else frozenset()
        verdict = generations.judge(pending, units[pending.number], carried, seen, gateway, self.now).verdict
        match verdict:
            case "ready":
                self.mark(pending, ready_at=self.now)
            case "serve":
                if current:
                    self.mark(current, state="replaced")
                self.mark(pending, state="serving", served_at=self.now)
            case "fail":
                self.mark(pending, state="failed")


def live(system: System, seconds: int) -> None:
    """An ordinary time: who starts becomes ready, who drains ends, Envoy takes what it is told."""
    for _ in range(seconds):
        for socket, slot in list(system.slots.items()):
            if socket in system.alive:
                system.end(socket) if slot.stopping_at is not None else system.ready.add(socket)
        system.trip()
        for one in (ENTRY, APART):
            system.take(one)
