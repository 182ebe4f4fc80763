"""What is written down of a unit, and how often?

Each change of the count at once. Between changes, what was seen and concluded: every few seconds while there are
requests, so that the load can be replayed; rarely while there are none.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from longspan.capabilities.scaling.decide.limits import Room
from longspan.capabilities.scaling.decide.values import Decision, Lesson, Seen
from longspan.capabilities.scaling.decide.window import merged, spans
from longspan.spec.scaling import Policy

BUSY_SECONDS = 5.0
"""Between two records of a unit with requests."""
IDLE_SECONDS = 60.0
_DUST = 1e-3
MOST_RECORDS = 50_000
"""Kept of all units together, some 30 MB; the oldest go."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a decision rested on: enough to tell it again, and to ask what another policy would have said."""

    before: int
    decision: Decision
    policy: Policy
    seen: Seen | None = None
    """Since the record before; None when nothing could be seen."""
    lessons: tuple[Lesson, ...] = ()
    room: Room | None = None
    held: str = ""
    digest: str = ""
    """The first digits of the digest of the unit's work: what was learnt of another work is no lesson."""

    @property
    def changed(self) -> bool:
        return self.decision.replicas != self.before


class Noted(msgspec.Struct, frozen=True):
    """A record with whose and when. `at`: UTC nanoseconds since 1970."""

    unit: str
    at: int
    record: Record


def due(pending: Sequence[Seen], before: int, decision: Decision, last: Decision | None) -> bool:
    """Is there something to write down? `pending`: what was seen since the record before; `last`: its decision."""
    if (
        last is None
        or decision.replicas != before
        or (decision.replicas, decision.signal) != (last.replicas, last.signal)
    ):
        return True
    held = spans(pending)
    if held < BUSY_SECONDS - _DUST:
        return False
    return held >= IDLE_SECONDS - _DUST or not all(one.idle for one in pending)


def recorded(
    pending: Sequence[Seen],
    before: int,
    decision: Decision,
    policy: Policy,
    *,
    lessons: tuple[Lesson, ...] = (),
    room: Room | None = None,
    held: str = "",
    digest: str = "",
) -> Record:
    """The record of what was seen since the last one, and of the decision at its end."""
    return Record(
        before=before,
        decision=decision,
        policy=policy,
        seen=merged(pending) if pending else None,
        lessons=lessons,
        room=room,
        held=held,
        digest=digest,
    )
