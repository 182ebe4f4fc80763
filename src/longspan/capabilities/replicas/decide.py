"""What is true of each slot, and what is safe to do about it now?

One trip: `look` turns a sight into a `Replica`, `remembered` says what the ledger should know of it,
`moves` gives the few things that are safe at this moment. Nothing waits here: what is not safe yet is
looked at again on the next trip, so the ordinary day, a restart and a failure are the same path.

The order that keeps every request answered: start, seen ready, route, seen in Envoy; and in the other
direction unroute, seen gone from Envoy, drain, seen dead, forget.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from longspan.system.records import Endpoint, Replica, ReplicaState, Slot, Wanted
from longspan.wire.orders import Identity

SECOND = 1_000_000_000
SPAWN_GRACE = 5 * SECOND
"""A process that a former control spawned may not hold its lock yet; so long it is taken as starting."""
CALM = 10 * SECOND
"""A replica that was ready for so long has started well: earlier deaths no longer count."""
CRASH_LOOP_AT = 3
"""So many quick deaths in a row are a crash loop."""
LONGEST_BACK_OFF = 30 * SECOND
_TIMES = ("since", "ready_at", "stopping_at", "died_at")
DRAIN_LIMIT = 300 * SECOND
"""A worker bounds its own drain; one that still lives after this does not listen to anybody."""


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What the eyes saw of one slot."""

    pid: int | None = None
    """Who holds the slot's lock."""
    child: Literal["alive", "gone", "unknown"] = "unknown"
    """What the parent knows of the process it spawned; unknown when another control did."""
    identity: Identity | None = None
    """What the handshake answered; None when it did not (not listening yet, or too busy to answer)."""


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


def look(slot: Slot, sight: Sight, now: int) -> Replica:
    """The state of a slot, from what the ledger remembers and what was seen."""
    return Replica(slot=slot, state=_state(slot, sight, now), pid=sight.pid)


def _state(slot: Slot, sight: Sight, now: int) -> ReplicaState:
    spawning = sight.child == "unknown" and slot.died_at is None and now - slot.since < SPAWN_GRACE
    if sight.pid is None and sight.child != "alive" and not spawning:
        return "crash-loop" if slot.quick_deaths >= CRASH_LOOP_AT else "dead"
    if slot.stopping_at is not None:
        return "draining"
    if sight.identity is not None and sight.identity.replica == slot.replica:
        return "ready" if sight.identity.state == "ready" else "draining"
    if slot.ready_at is not None:
        # Too busy to answer the handshake: Envoy's health checks judge that, not we.
        return "ready"
    return "crash-loop" if slot.quick_deaths >= CRASH_LOOP_AT else "starting"


def remembered(replica: Replica, now: int) -> Slot:
    """What the ledger should say of this slot after this sight; the same value when nothing is new."""
    slot = _not_after(replica.slot, now)
    gone = replica.state == "dead" or (replica.state == "crash-loop" and replica.pid is None)
    if gone and slot.died_at is None and slot.stopping_at is not None:
        return replace(slot, died_at=now)  # as it was told
    if gone and slot.died_at is None:
        calm = slot.ready_at is not None and now - slot.ready_at >= CALM
        return replace(slot, died_at=now, restarts=slot.restarts + 1, quick_deaths=1 if calm else slot.quick_deaths + 1)
    if replica.state == "ready" and slot.ready_at is None:
        return replace(slot, ready_at=now)
    if replica.state == "ready" and slot.quick_deaths and slot.ready_at is not None and now - slot.ready_at >= CALM:
        return replace(slot, quick_deaths=0)
    return slot


def _not_after(slot: Slot, now: int) -> Slot:
    # A clock that was set back: what lies ahead of it is counted from now, or a restart would wait until then.
    ahead = {name: now for name in _TIMES if (at := getattr(slot, name)) is not None and at > now}
    return replace(slot, **ahead) if ahead else slot


def back_off(quick_deaths: int) -> int:
    """Nanoseconds to wait before the next start: none after the first death, then doubling from 0.5 s."""
    return 0 if quick_deaths <= 1 else min(LONGEST_BACK_OFF, (SECOND >> 2) << min(quick_deaths - 1, 20))


def socket_of(unit: str, slot: int) -> str:
    """A slot's socket, relative to the state folder: it never changes, whoever listens on it."""
    return f"run/{unit}/{slot}.sock"


class Trip(msgspec.Struct, frozen=True):
    """What one trip concludes."""

    moves: tuple[Move, ...]
    endpoints: tuple[Endpoint, ...]


def trip(wanted: Sequence[Wanted], seen: Sequence[Replica], routed: frozenset[str], now: int) -> Trip:
    """What is safe to do now, and where the gateway may send requests.

    `routed` are the sockets that Envoy holds, read back from it; `now` is UTC nanoseconds.
    """
    moves: list[Move] = []
    endpoints: list[Endpoint] = []
    taken: dict[str, set[int]] = {}
    for replica in seen:
        taken.setdefault(replica.unit, set()).add(replica.slot.slot)
    kept: set[tuple[str, int]] = set()
    for want in wanted:
        mine = sorted(
            (r for r in seen if _does(r, want) and r.slot.stopping_at is None),
            # Those that serve first, so that a smaller count takes away what is of least use.
            key=lambda r: (r.state != "ready", r.slot.slot),
        )[: want.unit.replicas]
        alone = not any(replica.state == "ready" for replica in mine)
        for replica in mine:
            kept.add((replica.unit, replica.slot.slot))
            moves += _keep_alive(replica, want, now)
            if _may_be_sent_to(replica, routed, alone):
                endpoints.append(_endpoint(replica))
        free = _free(taken.setdefault(want.unit.name, set()))
        for _ in range(want.unit.replicas - len(mine)):
            slot = next(free)
            moves.append(Start(_fresh(want, slot, now), want))
    for replica in seen:
        if (replica.unit, replica.slot.slot) not in kept:
            moves += _retire(replica, routed, now)
    return Trip(tuple(moves), tuple(sorted(endpoints)))


def _does(replica: Replica, want: Wanted) -> bool:
    return replica.unit == want.unit.name and replica.digest == want.unit.digest


def _keep_alive(replica: Replica, want: Wanted, now: int) -> Iterable[Move]:
    slot = replica.slot
    if replica.pid is None and slot.died_at is not None:
        if now - slot.died_at >= back_off(slot.quick_deaths):
            again = _fresh(want, slot.slot, now)
            yield Start(replace(again, restarts=slot.restarts, quick_deaths=slot.quick_deaths), want)
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
    return back and socket_of(replica.unit, replica.slot.slot) in routed


def _retire(replica: Replica, routed: frozenset[str], now: int) -> Iterable[Move]:
    slot = replica.slot
    if replica.pid is None and replica.state in ("dead", "crash-loop"):
        if socket_of(slot.unit, slot.slot) not in routed:
            yield Forget(slot)
    elif slot.stopping_at is None:
        if socket_of(slot.unit, slot.slot) not in routed and replica.pid is not None:
            yield Drain(replica)
    elif now - slot.stopping_at > DRAIN_LIMIT:
        yield Kill(replica, f"not drained within {DRAIN_LIMIT // SECOND} s")


def _endpoint(replica: Replica) -> Endpoint:
    return Endpoint(replica.unit, replica.slot.slot, socket_of(replica.unit, replica.slot.slot))


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
