"""Which replica holds more memory than it is granted, and is it time to put another in its place?

One at a time of each work, and another first: it serves beside the large one before that is drained (`trip`), so no
request fails and no death is counted. Where fresh ones are over within a minute, replacing them cures nothing: each
such turn makes the next wait twice as long, and the words say that the budget is too small.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from longspan.capabilities.replicas.decide.sight import SECOND
from longspan.system.records import Replica, Wanted

YOUNG = 60 * SECOND
"""A replica that is over its budget sooner than this was given too small a one."""
LONGEST_WAIT = 3600 * SECOND


class Weight(msgspec.Struct, frozen=True):
    """What is remembered of one work from trip to trip, by this control."""

    leaving: str = ""
    """Id of the replica that goes once others serve in its place."""
    replaced: int = 0
    """How many were replaced so far."""
    young: int = 0
    """Fresh ones in a row that were over their budget within a minute."""
    not_before: int = 0
    """UTC nanoseconds; until then none is replaced."""
    trouble: str = ""
    """Why replacing does not help, in words."""


def weigh(past: Mapping[str, Weight], wanted: Iterable[Wanted], seen: Sequence[Replica], now: int) -> dict[str, Weight]:
    """The weights after this sight, by digest of the work. `now` is UTC nanoseconds."""
    found = {}
    for want in wanted:
        unit = want.unit
        if unit.memory_bytes:
            mine = [r for r in seen if r.unit == unit.name and r.digest == unit.digest and _serves(r)]
            found[unit.digest] = _weighed(past.get(unit.digest, Weight()), mine, unit.memory_bytes, now)
    return found


def _serves(replica: Replica) -> bool:
    return replica.state == "ready" and replica.slot.stopping_at is None


def _weighed(past: Weight, mine: Sequence[Replica], budget: int, now: int) -> Weight:
    over = [replica for replica in mine if replica.memory_bytes > budget]
    if any(replica.slot.replica == past.leaving for replica in mine):
        return past
    # A clock that was set back must not make it wait for longer than it would have.
    weight = replace(past, leaving="", not_before=min(past.not_before, now + LONGEST_WAIT))
    if not over:
        # Only a whole minute within the budget proves that it is large enough.
        proved = mine and all(_age(replica, now) >= YOUNG for replica in mine)
        return replace(weight, young=0, not_before=0, trouble="") if proved else weight
    if now < weight.not_before:
        return weight
    heaviest = max(over, key=lambda replica: (replica.memory_bytes, replica.slot.slot))
    if _age(heaviest, now) < YOUNG:
        young = weight.young + 1
        held = f"{_mib(heaviest.memory_bytes)} within {_age(heaviest, now) // SECOND} s of being ready"
        trouble = f"a fresh replica held {held}, and is granted {_mib(budget)}: raise resources.memory"
        wait = min(LONGEST_WAIT, YOUNG << min(young - 1, 20))
        return replace(weight, young=young, not_before=now + wait, trouble=trouble)
    return replace(weight, leaving=heaviest.slot.replica, replaced=weight.replaced + 1)


def _age(replica: Replica, now: int) -> int:
    return now - (replica.slot.ready_at if replica.slot.ready_at is not None else now)


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / (1 << 20):.0f} MiB"
