"""One trip of the replicas' corridor: see, write down what was seen, decide, act."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from msgspec.structs import replace

from longspan.capabilities.replicas.decide import (
    Ask,
    Move,
    Sight,
    Silence,
    Trip,
    Weight,
    conclude,
    listen,
    look,
    remembered,
    trip,
    weigh,
)
from longspan.system.records import GatewaySeen, Replica, Sample, Slot, Wanted


class See(Protocol):
    def sights(self, slots: Sequence[Slot]) -> Sequence[Sight]: ...
    def weights(self) -> Mapping[str, Weight]: ...
    def silences(self) -> Mapping[str, Silence]: ...


class Do(Protocol):
    def keep(self, slot: Slot) -> None: ...
    def remember(self, weights: dict[str, Weight], silences: dict[str, Silence], seen: Sequence[Replica]) -> None: ...
    def act(self, move: Move | Ask) -> None: ...


def converge(
    see: See,
    do: Do,
    slots: Sequence[Slot],
    wanted: Sequence[Wanted],
    samples: Iterable[Sample],
    gateway: GatewaySeen,
    now: int,
    *,
    unproved: frozenset[str] = frozenset(),
) -> tuple[Trip, tuple[Replica, ...]]:
    """Look at every slot, act on what is safe now, and say where requests may go.

    `samples` are the load pages of this trip. `unproved`: digests of work that is still judged, so that none of it is
    replaced for its memory meanwhile.
    """
    samples = tuple(samples)
    memory = {(sample.unit, sample.slot): sample.load.memory_bytes for sample in samples}
    seen = []
    sights = see.sights(slots)
    for slot, sight in zip(slots, sights, strict=True):
        replica = look(slot, sight, now)
        known = remembered(replica, now)
        if known != slot:
            do.keep(known)
        # The page of a slot is its last process's until the next one is ready.
        held = memory.get((slot.unit, slot.slot), 0) if replica.state in ("ready", "draining") else 0
        seen.append(replace(replica, slot=known, memory_bytes=held))
    weights = weigh(see.weights(), [w for w in wanted if w.unit.digest not in unproved], seen, now)
    silences, hung = conclude(listen(see.silences(), seen, sights, samples, now), seen, wanted)
    do.remember(weights, silences, seen)
    for one in hung:
        do.act(one)
    leaving = frozenset(weight.leaving for weight in weights.values() if weight.leaving)
    concluded = trip(
        wanted,
        seen,
        gateway.endpoints,
        now,
        leaving=leaving,
        afresh=gateway.pid is None,
        clusters=gateway.clusters,
    )
    for move in concluded.moves:
        do.act(move)
    return concluded, tuple(seen)
