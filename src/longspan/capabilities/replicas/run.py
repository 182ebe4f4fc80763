"""One trip of the replicas' corridor: see, write down what was seen, decide, act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from longspan.capabilities.replicas.decide import Forget, Move, Sight, Trip, look, remembered, trip
from longspan.system.records import Replica, Slot, Wanted


class See(Protocol):
    def slots(self) -> Sequence[Slot]: ...
    def sight(self, slot: Slot) -> Sight: ...


class Do(Protocol):
    def keep(self, slot: Slot) -> None: ...
    def forget(self, slot: Slot) -> None: ...
    def act(self, move: Move) -> None: ...


def converge(
    see: See, do: Do, wanted: Sequence[Wanted], routed: frozenset[str], now: int
) -> tuple[Trip, tuple[Replica, ...]]:
    """Look at every slot, act on what is safe now, and say where requests may go."""
    seen = []
    for slot in see.slots():
        replica = look(slot, see.sight(slot), now)
        known = remembered(replica, now)
        if known != slot:
            do.keep(known)
            replica = Replica(slot=known, state=replica.state, pid=replica.pid)
        seen.append(replica)
    concluded = trip(wanted, seen, routed, now)
    for move in concluded.moves:
        do.forget(move.slot) if isinstance(move, Forget) else do.act(move)
    return concluded, tuple(seen)
