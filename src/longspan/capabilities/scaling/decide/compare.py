"""The recorded load, as it was and under another policy, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from longspan.capabilities.scaling.decide.history import Noted
from longspan.capabilities.scaling.decide.replay import Load, Moment, recorded, run
from longspan.capabilities.scaling.decide.values import Decision
from longspan.spec.scaling import Policy


class Row(msgspec.Struct, frozen=True):
    """A recorded moment, and the same under the other policy. Waits in seconds."""

    at: int
    arrivals: float
    replicas: int
    wait: float
    other_replicas: int
    other_wait: float


class Total(msgspec.Struct, frozen=True):
    """What it came to."""

    name: str
    replica_seconds: float
    changes: int
    mean_wait: float
    worst_wait: float
    refused: float


class Comparison(msgspec.Struct, frozen=True):
    rows: tuple[Row, ...]
    totals: tuple[Total, ...]
    decisions: tuple[tuple[int, int, Decision], ...]
    """(when, count before, decision) of the other policy."""
    left_out_seconds: float


def compare(notes: Sequence[Noted], policy: Policy) -> Comparison | None:
    """None when too little was recorded. `notes`: of one unit, oldest first."""
    loads, left_out = recorded(notes)
    if not loads:
        return None
    first = notes[0].record
    was = {noted.at: noted for noted in notes if noted.record.seen is not None}
    real = [_real(load, was[load.at]) for load in loads]
    # The policy that was in force last: with a change of policy in between, the model says less about what was.
    same = list(run(loads, notes[-1].record.policy, first.before))
    other = list(run(loads, policy, first.before))
    return Comparison(
        rows=tuple(
            Row(load.at, load.arrivals, a.replicas, a.wait, b.replicas, b.wait)
            for load, a, b in zip(loads, real, other, strict=True)
        ),
        totals=(
            _total("as recorded", loads, real),
            _total("the same policy, modelled", loads, same),
            _total("the other policy, modelled", loads, other),
        ),
        decisions=tuple(change for moment in other for change in moment.changes),
        left_out_seconds=left_out,
    )


def _real(load: Load, noted: Noted) -> Moment:
    record, seen = noted.record, noted.record.seen
    assert seen is not None
    changes = ((noted.at, record.before, record.decision),) if record.changed else ()
    return Moment(
        at=noted.at,
        replicas=record.decision.replicas,
        wait=seen.queue_wait or 0.0,
        refused=(seen.refused or 0.0) * load.span,
        replica_seconds=record.before * load.span,
        changes=changes,
    )


def _total(name: str, loads: Sequence[Load], moments: Sequence[Moment]) -> Total:
    requests = [load.arrivals * load.span for load in loads]
    return Total(
        name=name,
        replica_seconds=sum([one.replica_seconds for one in moments]),
        changes=sum([len(one.changes) for one in moments]),
        mean_wait=sum([one.wait * by for one, by in zip(moments, requests, strict=True)]) / (sum(requests) or 1.0),
        worst_wait=max([one.wait for one in moments]),
        refused=sum([one.refused for one in moments]),
    )
