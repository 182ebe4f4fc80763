"""The errands of generations: plan, apply, rollback, and the judgement of each trip.

Nothing here waits for a replica: apply writes a pending generation down and knocks; the trips make
it true, and `settle` says on each trip whether it serves, has failed, or needs more time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from longspan.base.errors import Refused
from longspan.capabilities.generations.decide import Judgement, as_held, counted, judge, rollback_target
from longspan.spec.resources import over_budget
from longspan.spec.units import Unit
from longspan.system.diff import diff
from longspan.system.records import (
    Accepted,
    Change,
    Count,
    GatewaySeen,
    Generation,
    Pin,
    Replica,
    must_be_alone,
    must_be_current,
)


class Machine(msgspec.Struct, frozen=True):
    """What may be granted here, all together."""

    cores: float
    memory_bytes: int


class Prepared(msgspec.Struct, frozen=True):
    """A file that was read, proved and pinned; `keep` copies what it is pinned to into the vault."""

    accepted: Accepted
    keep: Callable[[], None]


class Planned(msgspec.Struct, frozen=True):
    """What an apply would change on top of the generation `on`."""

    system: str
    on: Generation | None
    changes: tuple[Change, ...]
    restarts: tuple[str, ...]
    """Units whose replicas would be replaced."""
    notes: tuple[str, ...] = ()


class Ledger(Protocol):
    def generation(self, number: int) -> Generation | None: ...
    def current(self) -> Generation | None: ...
    def pending(self) -> Generation | None: ...
    def generations(self, limit: int = 100) -> list[Generation]: ...
    def accept(self, accepted: Accepted, *, author: str, at: int, on: int | None = None) -> Generation: ...
    def ready(self, number: int, at: int | None) -> None: ...
    def serve(self, number: int, at: int) -> None: ...
    def fail(self, number: int, reason: str, last_log: tuple[str, ...]) -> None: ...
    def counts(self) -> dict[str, Count]: ...
    def want(self, *counts: Count) -> None: ...
    def uncount(self, unit: str) -> None: ...
    def pins(self) -> dict[str, Pin]: ...


class See(Protocol):
    def prepare(self) -> Prepared:
        """Read, prove and pin the file. Raises `Invalid` with all complaints, or `Refused`."""
        ...

    def again(self, accepted: Accepted) -> Accepted:
        """An accepted system with today's secrets and a port that is free. Raises `Refused`."""
        ...

    def units(self, accepted: Accepted) -> tuple[Unit, ...]: ...
    def most(self, accepted: Accepted) -> Mapping[str, int]:
        """The units that scale, each with the most replicas that it may have."""
        ...

    def last_log(self, unit: str, slot: int) -> tuple[str, ...]: ...
    def machine(self) -> Machine: ...


def plan(see: See, ledger: Ledger, now: int) -> Planned:
    """What the file would change. Touches nothing. Raises `Refused` when this machine cannot grant what it asks for."""
    prepared = see.prepare()
    pending, current = ledger.pending(), ledger.current()
    _afford(see, ledger, prepared.accepted, now)
    planned = _planned(see, current, prepared.accepted)
    if pending is None:
        return planned
    note = f"generation {pending.number} is on its way; what it changes is not counted here"
    return msgspec.structs.replace(planned, notes=(note,))


def apply(see: See, ledger: Ledger, *, author: str, on: int | None, now: int) -> tuple[Generation | None, Planned]:
    """Accept the file as the next, pending generation; None when nothing would change.

    Raises `Refused` when `on` is not the current generation, another one is on its way, or this machine cannot grant
    what the file asks for.
    """
    # The ledger asks again as it writes; asked first, a refusal reads and copies nothing, and "nothing would change"
    # is never said while something is about to.
    pending, current = ledger.pending(), ledger.current()
    must_be_alone(pending.number if pending else None)
    must_be_current(current.number if current else None, on)
    prepared = see.prepare()
    current = ledger.current()  # reading the file takes a while; one may have come to serve meanwhile
    planned = _planned(see, current, prepared.accepted)
    if not planned.changes:
        return None, planned
    _afford(see, ledger, prepared.accepted, now)
    prepared.keep()
    return ledger.accept(prepared.accepted, author=author, at=now, on=on), planned


def rollback(see: See, ledger: Ledger, *, author: str, to: int | None, now: int) -> tuple[Generation | None, Planned]:
    """Bring an earlier generation's content back, as a new generation.

    Raises `Refused` when there is nothing to go back to, or this machine cannot grant what that asks for.
    """
    pending, current = ledger.pending(), ledger.current()
    must_be_alone(pending.number if pending else None)
    # One that is named may be older than the newest that a list holds.
    named = ledger.generation(to) if to is not None else None
    past = [named] if named else ledger.generations()
    accepted = see.again(rollback_target(past, current, to).accepted)
    planned = _planned(see, current, accepted)
    if not planned.changes:
        return None, planned
    _afford(see, ledger, accepted, now)
    return ledger.accept(accepted, author=author, at=now, on=current.number if current else None), planned


def units_now(see: See, ledger: Ledger, accepted: Accepted, now: int) -> tuple[Unit, ...]:
    """The units of an accepted system, with as many replicas as they shall have at the moment."""
    before = _before(see, ledger, accepted, now)
    return as_held(see.units(accepted), see.most(accepted), ledger.counts(), ledger.pins(), now, before=before)


def _before(see: See, ledger: Ledger, accepted: Accepted, now: int) -> dict[str, int]:
    """Unit -> replicas that it has by the current generation, whoever holds it meanwhile; empty for that one itself."""
    current = ledger.current()
    if current is None or current.accepted is accepted:
        return {}
    units = as_held(see.units(current.accepted), see.most(current.accepted), ledger.counts(), {}, now)
    return {unit.name: unit.replicas for unit in units}


def settle(see: See, ledger: Ledger, replicas: Sequence[Replica], gateway: GatewaySeen, now: int) -> Judgement | None:
    """Judge the pending generation and write the verdict down; None when there is none."""
    pending = ledger.pending()
    if pending is None:
        return None
    current = ledger.current()
    carried = frozenset(unit.digest for unit in see.units(current.accepted)) if current else frozenset()
    judgement = judge(pending, units_now(see, ledger, pending.accepted, now), carried, replicas, gateway, now)
    match judgement.verdict:
        case "ready":
            ledger.ready(pending.number, now)
        case "serve":
            _serve(see, ledger, pending, now)
        case "fail":
            log = see.last_log(judgement.unit, judgement.slot) if judgement.slot is not None else ()
            ledger.fail(pending.number, judgement.reason, log)
        case "wait":
            pass
    return judgement


def _serve(see: See, ledger: Ledger, pending: Generation, now: int) -> None:
    """The pending generation serves; counts are what hold by its file, and those that nobody decides any more go."""
    units, most, counts = see.units(pending.accepted), see.most(pending.accepted), ledger.counts()
    hold = counted(units, most, counts, _before(see, ledger, pending.accepted, now), now)
    ledger.want(*(count for name, count in hold.items() if count != counts.get(name)))
    ledger.serve(pending.number, now)
    for unit in units:
        # Of a unit that is gone it stays: it may come back, as after a rollback, to the load that it had.
        if unit.name in counts.keys() - most.keys():
            ledger.uncount(unit.name)


def _afford(see: See, ledger: Ledger, accepted: Accepted, now: int) -> None:
    """Raises `Refused` with the numbers when replicas are granted more than this machine has.

    As many as the file says, which there will be when no pin holds fewer any more; and as many as there would be now.
    """
    machine = see.machine()
    filed, held = see.units(accepted), units_now(see, ledger, accepted, now)
    # Of what is held, nobody finds the number in the file: the scaler wants as many, or a pin.
    for units, first in ((filed, ""), (held, "Hold fewer for a while with longspan scale; or else: ")):
        refusal = over_budget(units, {unit.name: unit.replicas for unit in units}, machine.cores, machine.memory_bytes)
        if refusal is not None:
            raise Refused(refusal.problem, at=refusal.at, remedy=first + refusal.remedy)


def _planned(see: See, current: Generation | None, accepted: Accepted) -> Planned:
    running = {unit.name: unit.digest for unit in see.units(current.accepted)} if current else {}
    restarts = [u.name for u in see.units(accepted) if running.get(u.name, u.digest) != u.digest]
    name = accepted.system["system"]["name"]
    return Planned(name, current, diff(current.accepted if current else None, accepted), tuple(restarts))
