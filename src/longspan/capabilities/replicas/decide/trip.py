"""What is safe to do with replicas now?

One trip gives the few moves that are safe at this moment. Nothing waits here: what is not safe yet is looked at again
on the next trip, so the ordinary day, a restart and a failure are the same path.

The order that keeps every request answered: start, seen ready, route, seen in Envoy; and in the other
direction unroute, seen gone from Envoy, drain, seen dead, forget. Who calls other units is routed after one replica of
each of them was seen in Envoy; afterwards a death over there is Envoy's to bridge, and unroutes nobody.

A server that is there already has no replica and no move: it stands in the gateway as long as it is wanted, well or
not. Nobody here can start it, so nobody waits for it either; who calls it while it is away hears 503.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from longspan.capabilities.replicas.decide.sight import SECOND, back_off
from longspan.system.records import Callee, Endpoint, Replica, Slot, Wanted, answered, called

DRAIN_LIMIT = 300 * SECOND
"""A worker bounds its own drain; one that still lives after this does not listen to anybody."""


class Start(msgspec.Struct, frozen=True):
    """Start a process in `slot` (already written for it)."""

    slot: Slot
    wanted: Wanted


class Drain(msgspec.Struct, frozen=True):
    """SIGTERM: nobody sends it requests any more."""

    replica: Replica


class Kill(msgspec.Struct, frozen=True):
    """SIGKILL: it did not become ready, or did not drain, in its time."""

    replica: Replica
    reason: str


class Forget(msgspec.Struct, frozen=True):
    """The slot is free."""

    slot: Slot


Move = Start | Drain | Kill | Forget


def socket_of(unit: str, slot: int) -> str:
    """A slot's socket, relative to the state folder: it never changes, whoever listens on it."""
    return Slot(unit=unit, slot=slot, replica="", generation=0, digest="", since=0).address


THERE = 0
"""Stands for the slot in the endpoint of a server that is there already: it has none."""


class Trip(msgspec.Struct, frozen=True):
    """What one trip concludes."""

    moves: tuple[Move, ...]
    endpoints: tuple[Endpoint, ...]


def trip(
    wanted: Sequence[Wanted],
    seen: Sequence[Replica],
    routed: frozenset[str],
    now: int,
    *,
    leaving: frozenset[str] = frozenset(),
    afresh: bool = False,
    clusters: frozenset[str] = frozenset(),
) -> Trip:
    """What is safe to do now, and where the gateway may send requests.

    `routed` are the addresses that Envoy holds, read back from it, `clusters` the units that it knows; `now` is UTC
    nanoseconds. `leaving`: ids of replicas that serve until others do so in their place (`memory`). `afresh`: no Envoy
    runs, and the next one reads all that it is told before it listens, so that nobody has to be seen there first.
    """
    moves: list[Move] = []
    open_to: list[tuple[Wanted, Replica]] = []
    taken: dict[str, set[int]] = {}
    by_unit: dict[str, list[Replica]] = {}
    for replica in seen:
        taken.setdefault(replica.unit, set()).add(replica.slot.slot)
        by_unit.setdefault(replica.unit, []).append(replica)
    kept: set[tuple[str, int]] = set()
    for want in (want for want in wanted if not want.unit.address):
        stays, goes = _chosen(want, by_unit.get(want.unit.name, ()), routed, leaving)
        alone = not any(replica.state == "ready" for replica in (*stays, *goes))
        for replica in (*stays, *goes):
            kept.add((replica.unit, replica.slot.slot))
            moves += _keep_alive(replica, want, now)
            if _may_be_sent_to(replica, routed, alone):
                open_to.append((want, replica))
        free = _free(taken.setdefault(want.unit.name, set()))
        for _ in range(want.unit.replicas - len(stays)):
            slot = next(free)
            moves.append(Start(_fresh(want, slot, now), want))
    for replica in seen:
        if (replica.unit, replica.slot.slot) not in kept:
            moves += _retire(replica, routed, now)
    there = [want for want in wanted if want.unit.address]
    answer = _answering(open_to, routed, afresh)
    for want in there:
        # Another unit may have the same address: what counts is that Envoy knows this one.
        if afresh or (want.unit.address in routed and want.unit.name in clusters):
            answer |= answered(want.unit.work)
    endpoints = [_endpoint(want, THERE, want.unit.address) for want in there]
    endpoints += [
        _endpoint(want, replica.slot.slot, replica.slot.address)
        for want, replica in open_to
        if replica.slot.address in routed or called(want.unit.work) <= answer
    ]
    return Trip(tuple(moves), tuple(sorted(endpoints)))


def _chosen(
    want: Wanted, seen: Sequence[Replica], routed: frozenset[str], leaving: frozenset[str]
) -> tuple[list[Replica], list[Replica]]:
    """Of the replicas `seen` of a unit those that stay, at most as many as are wanted, and those that go once these
    serve in their place."""
    mine = [r for r in seen if r.digest == want.unit.digest and r.slot.stopping_at is None]
    goes = [r for r in mine if r.slot.replica in leaving and r.state == "ready"]
    # Those that serve first, so that a smaller count takes away what is of least use.
    stays = sorted((r for r in mine if r not in goes), key=lambda r: (r.state != "ready", r.slot.slot))
    stays = stays[: want.unit.replicas]
    serving = [r for r in stays if r.state == "ready" and r.slot.address in routed]
    return stays, goes if len(serving) < want.unit.replicas else []


def _answering(open_to: Sequence[tuple[Wanted, Replica]], routed: frozenset[str], afresh: bool) -> frozenset[Callee]:
    """The steps apart that a call would reach now."""
    ready = [(want, r) for want, r in open_to if r.state == "ready" and (afresh or r.slot.address in routed)]
    return frozenset(callee for want, _ in ready for callee in answered(want.unit.work))


def _keep_alive(replica: Replica, want: Wanted, now: int) -> Iterable[Move]:
    slot = replica.slot
    if replica.pid is None and slot.died_at is not None:
        if now - slot.died_at >= back_off(slot.quick_deaths):
            again = _fresh(want, slot.slot, now)
            # Deaths are counted for each generation, but the wait for the next start grows with all of them.
            restarts = slot.restarts if slot.generation == want.generation else 0
            yield Start(replace(again, restarts=restarts, quick_deaths=slot.quick_deaths, port=slot.port), want)
    elif replica.state in ("starting", "crash-loop") and replica.pid is not None:
        limit = want.unit.ready_within_seconds
        if now - slot.since > limit * SECOND:
            yield Kill(replica, f"not ready within {limit:g} s")


def _may_be_sent_to(replica: Replica, routed: frozenset[str], alone: bool) -> bool:
    if replica.state == "ready":
        return True
    # A replica that comes back comes back at the same address: meanwhile Envoy retries there or elsewhere.
    # One that somebody else told to drain answers until it goes; without another it is better than nobody.
    back = replica.state in ("starting", "dead") or (replica.state == "draining" and alone)
    return back and replica.slot.address in routed


def _retire(replica: Replica, routed: frozenset[str], now: int) -> Iterable[Move]:
    slot = replica.slot
    if replica.pid is None and replica.state in ("dead", "crash-loop"):
        if replica.slot.address not in routed:
            yield Forget(slot)
    elif slot.stopping_at is None:
        if replica.slot.address not in routed and replica.pid is not None:
            yield Drain(replica)
    elif now - slot.stopping_at > DRAIN_LIMIT:
        yield Kill(replica, f"not drained within {DRAIN_LIMIT // SECOND} s")


def _endpoint(want: Wanted, slot: int, address: str) -> Endpoint:
    work = want.unit.work
    version = next((callee.version for callee in answered(work)), "")
    return Endpoint(work.unit, slot, address, version, work.server.path if work.server is not None else "")


def _free(taken: set[int]) -> Iterator[int]:
    number = 0
    while True:
        if number not in taken:
            taken.add(number)
            yield number
        number += 1


def _fresh(want: Wanted, slot: int, now: int) -> Slot:
    # The hands give the replica its id: randomness is no business of a decision.
    return Slot(
        unit=want.unit.name, slot=slot, replica="", generation=want.generation, digest=want.unit.digest, since=now
    )
