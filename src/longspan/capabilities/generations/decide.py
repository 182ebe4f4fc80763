"""Does the pending generation serve, has it failed, or must we wait? And which one does a rollback bring?

A new generation must be ready within `ready_within`, and then stay so for `settle`. Its replicas are
routed beside the old ones all that time, so whatever is decided here, requests are answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import msgspec

from longspan.base.errors import Refused
from longspan.spec.units import Unit
from longspan.system.records import (
    Callee,
    Count,
    GatewaySeen,
    Generation,
    Pin,
    Replica,
    Slot,
    Wanted,
    answered,
    called,
    held,
)

SECOND = 1_000_000_000


class Judgement(msgspec.Struct, frozen=True):
    """What becomes of the pending generation now, and why, in words."""

    verdict: Literal["wait", "ready", "serve", "fail"]
    reason: str
    unit: str = ""
    slot: int | None = None
    """Of the replica that made it fail: its log has the cause."""


def counted(
    units: Sequence[Unit], most: Mapping[str, int], counts: Mapping[str, Count], before: Mapping[str, int], now: int
) -> dict[str, Count]:
    """The counts that hold for these units, by unit.

    `most`: those that scale, with their ``max``; what the scaler once concluded about another is no matter any more.
    Of those, a count stays within the bounds of this file, whatever it was under another. `before`: how many ran under
    the generation before; where the scaler has concluded nothing yet, it starts from there.
    """
    found = {}
    for unit in units:
        count, ran = counts.get(unit.name), before.get(unit.name, 0)
        if unit.name not in most or (count is None and ran <= unit.replicas):
            continue
        known = count or Count(unit=unit.name, replicas=ran, reason=f"{ran} ran before it scaled", at=now)
        within = min(max(known.replicas, unit.replicas), most[unit.name])
        if within != known.replicas:
            bound = "max" if within < known.replicas else "min"
            reason = f"{known.replicas} -> {within}: {bound} is {within}"
            known = Count(unit=unit.name, replicas=within, reason=reason, at=now)
        found[unit.name] = known
    return found


def as_held(
    units: Sequence[Unit],
    most: Mapping[str, int],
    counts: Mapping[str, Count],
    pins: Mapping[str, Pin],
    now: int,
    *,
    before: Mapping[str, int] = MappingProxyType({}),
) -> tuple[Unit, ...]:
    """The units with as many replicas as they shall have at the moment, at least one each.

    No generation holds that number, so what changes a unit's work brings as many as run now, and a rollback too.
    `most` and `before` are those of `counted`.
    """
    ours = counted(units, most, counts, before, now)
    return tuple(
        msgspec.structs.replace(unit, replicas=max(1, held(unit, ours, pins, now)))  # none at all answers nobody
        for unit in units
    )


def wanted(
    current: Generation | None, pending: Generation | None, units: Mapping[int, Sequence[Unit]]
) -> tuple[Wanted, ...]:
    """All units that shall run: the current ones, and beside them what the pending generation changes.

    `units` are the units of each generation by its number.
    """
    old = [Wanted(unit=unit, generation=current.number) for unit in units[current.number]] if current else []
    if pending is None:
        return tuple(old)
    new = {unit.name: Wanted(unit=unit, generation=pending.number) for unit in units[pending.number]}
    kept = []
    for want in old:
        coming = new.get(want.unit.name)
        if coming is not None and coming.unit.digest == want.unit.digest:
            # The same work: its replicas are carried over, at least as many as either asks for.
            most = max(want.unit.replicas, coming.unit.replicas)
            unit = msgspec.structs.replace(coming.unit, replicas=most)
            kept.append(Wanted(unit=unit, generation=want.generation))
            del new[want.unit.name]
        else:
            kept.append(want)
    return (*kept, *new.values())


def staying(
    wanted: Sequence[Wanted], slots: Sequence[Slot], units: Mapping[int, Sequence[Unit]], current: int | None
) -> tuple[Wanted, ...]:
    """Units that shall run on because replicas that are on their way out still call them.

    `slots` are those that the ledger remembers, `units` the units of each generation that brought one of them. What
    the `current` generation answers to is not kept twice; what a pending one will answer to is no help yet.
    """
    still = {(want.unit.name, want.unit.digest) for want in wanted}
    provided = {callee for want in wanted if want.generation == current for callee in answered(want.unit.work)}
    kept: dict[Callee, Wanted] = {}
    for slot in slots:
        leaves = slot.stopping_at is not None or (slot.unit, slot.digest) not in still
        if slot.died_at is not None or not leaves:
            continue
        brought = units.get(slot.generation, ())
        caller = next((unit for unit in brought if unit.name == slot.unit and unit.digest == slot.digest), None)
        for callee in called(caller.work) - provided if caller else ():
            for unit in brought:
                if callee in answered(unit.work) and (unit.name, unit.digest) not in still:
                    kept.setdefault(callee, Wanted(unit=unit, generation=slot.generation))
    return tuple(kept[callee] for callee in sorted(kept, key=lambda one: (one.unit, one.version)))


def outdated(
    wanted: Sequence[Wanted], slots: Sequence[Slot], units: Mapping[int, Sequence[Unit]], routed: Container[str]
) -> tuple[Wanted, ...]:
    """Units that shall run on beside what is wanted, because only they serve: another version of Longspan started them.

    It wrote the same work down in other words, so no unit of their generation has their digest now. They stay until
    as many of the new ones are `routed` as are wanted. `slots` and `units` as for `staying`.
    """
    digests = {number: {(unit.name, unit.digest) for unit in brought} for number, brought in units.items()}
    alive = [slot for slot in slots if slot.stopping_at is None and slot.died_at is None]
    unknown = [slot for slot in alive if (slot.unit, slot.digest) not in digests.get(slot.generation, ())]
    kept: dict[tuple[str, str], Wanted] = {}
    for want in wanted if unknown else ():
        unit = want.unit
        served = [slot for slot in alive if (slot.unit, slot.digest) == (unit.name, unit.digest)]
        if sum(slot.address in routed for slot in served) < unit.replicas:
            old = Counter(slot.digest for slot in unknown if slot.unit == unit.name)
            for digest, number in old.items():
                same = msgspec.structs.replace(unit, digest=digest, replicas=number)
                kept.setdefault((unit.name, digest), Wanted(unit=same, generation=want.generation))
    return tuple(kept.values())


def judge(
    pending: Generation,
    units: Sequence[Unit],
    carried: frozenset[str],
    replicas: Sequence[Replica],
    gateway: GatewaySeen,
    now: int,
) -> Judgement:
    """Judge one pending generation. `carried` are digests that the current generation runs as well."""
    if gateway.rejected:
        return Judgement("fail", f"the gateway refuses its configuration: {gateway.rejected}")
    settled = pending.ready_at is not None
    waiting = ""
    # What dies of the old work while the new one settles is an ordinary restart, and no reason to wait.
    for unit in [unit for unit in units if not (settled and unit.digest in carried)]:
        # One that we told to go has not failed: its unit needs fewer.
        told = [r for r in replicas if r.unit == unit.name and r.digest == unit.digest]
        mine = [r for r in told if r.slot.stopping_at is None]
        if unit.digest not in carried:
            for replica in mine:
                # A rollback may find one that an earlier generation of the same work has left: what became of it then
                # says nothing about now.
                ours = replica.slot.generation == pending.number or (replica.slot.died_at or 0) >= pending.at
                if ours and (failure := _failure(replica, pending.ready_at)) is not None:
                    return Judgement("fail", failure, replica.unit, replica.slot.slot)
        waiting = waiting or _lacking(unit, mine, gateway)
    if not waiting and not gateway.listening:
        waiting = "the gateway does not listen yet"
    longest = max((unit.ready_within_seconds for unit in units), default=0.0)
    settle = max((unit.settle_seconds for unit in units if unit.digest not in carried), default=0.0)
    if waiting:
        if not settled and now - pending.at > longest * SECOND:
            return Judgement("fail", f"not ready within {longest:g} s: {waiting}", *_first_unready(units, replicas))
        return Judgement("wait", waiting)
    if settle > 0 and (pending.ready_at is None or pending.ready_at > now):  # ahead: the clock was set back
        return Judgement("ready", "all replicas are ready and routed")
    if now - (pending.ready_at or now) >= settle * SECOND:
        return Judgement("serve", f"stayed ready for {settle:g} s")
    return Judgement("wait", f"ready; settles for {settle:g} s")


def _lacking(unit: Unit, replicas: Sequence[Replica], gateway: GatewaySeen) -> str:
    """What the unit still waits for, of these replicas of it."""
    if unit.address:
        # Not ours to start: whether it is well is told by the gateway's readiness, and no update fails of it.
        known = unit.address in gateway.endpoints and unit.name in gateway.clusters
        return "" if known else f"the gateway does not know {unit.name} yet"
    ready = [r for r in replicas if r.state == "ready" and r.slot.address in gateway.endpoints]
    enough = len(ready) >= unit.replicas
    return "" if enough else f"{len(ready)} of {unit.replicas} replicas of {unit.name} are ready and routed"


def _failure(replica: Replica, settling_since: int | None) -> str | None:
    where = f"{replica.unit}/{replica.slot.slot}"
    if settling_since is not None and replica.slot.restarts:
        return f"replica {where} died before it had settled"
    # One that was started meanwhile, because more are needed, may take its time.
    fresh = settling_since is not None and replica.slot.since >= settling_since and replica.state == "starting"
    if settling_since is not None and replica.state != "ready" and not fresh:
        return f"replica {where} was not ready any more before it had settled"
    if replica.state == "crash-loop":
        return f"replica {where} died {replica.slot.quick_deaths} times before it was ready"
    return None


def _first_unready(units: Sequence[Unit], replicas: Sequence[Replica]) -> tuple[str, int | None]:
    digests = {unit.digest for unit in units}
    for replica in replicas:
        if replica.digest in digests and replica.state != "ready":
            return replica.unit, replica.slot.slot
    return "", None


def rollback_target(generations: Sequence[Generation], current: Generation | None, to: int | None) -> Generation:
    """The generation whose content a rollback brings back.

    Default: the last that served before the current one. Raises `Refused` when there is none, or when
    `to` never served.
    """
    if to is not None:
        for generation in generations:
            if generation.number == to:
                if generation.served_at is None:
                    raise Refused(f"generation {to} has never served ({generation.state})")
                return generation
        raise Refused(f"there is no generation {to}", remedy="longspan rollback without a number takes the last one")
    before = [g for g in generations if g.served_at is not None and current is not None and g.number < current.number]
    if not before:
        raise Refused("there is no earlier generation that served", remedy="Nothing has been touched")
    return max(before, key=lambda g: g.served_at or 0)
