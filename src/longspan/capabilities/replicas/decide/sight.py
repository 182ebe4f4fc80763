"""What is true of each slot, and what should the ledger know of it?

`look` turns a sight into a `Replica`; `remembered` says what of it is new, so that a death is counted once, and a calm
time once.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace

from longspan.system.records import Replica, ReplicaState, Slot
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


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What the eyes saw of one slot."""

    pid: int | None = None
    """Who holds the slot's lock."""
    child: Literal["alive", "gone", "unknown"] = "unknown"
    """What the parent knows of the process it spawned; unknown when another control did."""
    identity: Identity | None = None
    """What the handshake answered; None when it did not (not listening yet, or too busy to answer)."""


def look(slot: Slot, sight: Sight, now: int) -> Replica:
    """The state of a slot, from what the ledger remembers and what was seen."""
    return Replica(slot=slot, state=_state(slot, sight, now), pid=sight.pid)


def _state(slot: Slot, sight: Sight, now: int) -> ReplicaState:
    # Who was ready has held it: that one is gone, also where its death could not be written down yet.
    unborn = slot.ready_at is None and slot.died_at is None and now - slot.since < SPAWN_GRACE
    spawning = sight.child == "unknown" and unborn
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
