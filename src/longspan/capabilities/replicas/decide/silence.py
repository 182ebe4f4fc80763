"""Which replica has gone silent, and is it time to end it?

A step that blocks the event loop, a model on the loop that never returns, C code that keeps the interpreter to itself:
such a process can neither answer nor give itself up. It is silent when it answers no handshake and its load page
stands still, which even an idle worker writes every second. When that has lasted for twice the longest time limit
of its services, it is asked where it is (SIGQUIT: its threads' stacks go to its log), and ended a moment later.

Silence is counted by what control has heard while it was awake itself: one look counts for a second at most. So a
laptop that slept, a clock that was set or a control that was stopped makes nobody look hung; nor does a machine with
too much to do, where control looks seldom, and where a worker needs to come to a single turn in all that time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from longspan.capabilities.replicas.decide.sight import SECOND, Sight
from longspan.capabilities.replicas.decide.trip import Kill
from longspan.system.records import Replica, Sample, Wanted
from longspan.wire.orders import Work

LEAST = 8 * SECOND
"""However short its time limits, a replica is not ended for a shorter silence."""
LONGEST_LOOK = SECOND
LAST_WORDS = SECOND
"""Between being asked and being ended."""


class Ask(msgspec.Struct, frozen=True):
    """SIGQUIT: let it write where its threads are."""

    replica: Replica
    reason: str


class Silence(msgspec.Struct, frozen=True):
    """What is remembered of one replica from look to look, by this control."""

    looked: int
    """UTC nanoseconds of the last look."""
    cpu_seconds: float
    """Of its load page: it grows whenever the page is written."""
    silent: int = 0
    """Nanoseconds."""
    asked: bool = False


def listen(
    past: Mapping[str, Silence], seen: Sequence[Replica], sights: Sequence[Sight], samples: Iterable[Sample], now: int
) -> dict[str, Silence]:
    """How long each replica has been silent, by its id; only those that have been ready once. `now`: UTC nanoseconds.

    `sights` belong to `seen`, in the same order.
    """
    pages = {sample.replica: sample.load.cpu_seconds for sample in samples}
    found = {}
    for replica, sight in zip(seen, sights, strict=True):
        slot = replica.slot
        if replica.pid is None or slot.ready_at is None or slot.replica not in pages:
            continue
        page, before = pages[slot.replica], past.get(slot.replica)
        if before is None or sight.identity is not None or page != before.cpu_seconds:
            found[slot.replica] = Silence(now, page)
        else:
            heard_nothing = min(max(0, now - before.looked), LONGEST_LOOK)
            found[slot.replica] = replace(before, looked=now, silent=before.silent + heard_nothing)
    return found


def conclude(
    silences: Mapping[str, Silence], seen: Sequence[Replica], wanted: Iterable[Wanted]
) -> tuple[dict[str, Silence], tuple[Ask | Kill, ...]]:
    """Who is asked and who is ended now; and what is then to be remembered."""
    limits = {want.unit.digest: patience(want.unit.work) for want in wanted}
    after, moves = dict(silences), list[Ask | Kill]()
    for replica in seen:
        silence, limit = silences.get(replica.slot.replica), limits.get(replica.digest)
        if silence is None or limit is None or silence.silent <= limit:
            continue
        reason = f"hung: it has answered nothing and written no load page for {silence.silent // SECOND} s"
        if not silence.asked:
            moves.append(Ask(replica, reason))
            after[replica.slot.replica] = replace(silence, asked=True)
        elif silence.silent > limit + LAST_WORDS:
            moves.append(Kill(replica, reason))
    return after, tuple(moves)


def patience(work: Work) -> int:
    """Nanoseconds of silence that are borne: twice the longest time limit."""
    limits = [service.limits for service in work.services]
    if any(model.answers for model in work.models):
        limits.append(work.limits)
    return max(LEAST, int(2 * SECOND * max([one.time_seconds for one in limits], default=0.0)))
