"""Routes of scaling: why that many, what another policy would have done, and holding a unit at a count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from fastapi import APIRouter

from longspan.base.errors import LongspanError
from longspan.base.names import closest
from longspan.capabilities.scaling import run
from longspan.capabilities.scaling.decide import Decision, explain
from longspan.capabilities.scaling.decide.compare import Comparison, compare
from longspan.capabilities.scaling.decide.history import Noted
from longspan.client import scaling as messages
from longspan.spec.scaling import load_policy

_CHANGES = 5
"""Changes told with an explanation."""
_ROWS = 2_000
"""Moments told with a replay; of more, one in so many."""
_LAST_MOMENT = 2**63 - 1
"""In the year 2262. What lies beyond can be written as text, but not be looked for."""


class Past(Protocol):
    """What was recorded. Times are UTC nanoseconds since 1970."""

    def units(self) -> set[str]: ...
    def at(self, unit: str, at: int) -> Noted | None: ...
    def changes(self, unit: str, until: int, most: int) -> list[Noted]: ...
    def between(self, unit: str, since: int, until: int) -> list[Noted]: ...


class Scaling(run.Pins, Protocol):
    """What the routes speak of (`adapters.Scaler`)."""

    @property
    def history(self) -> Past: ...
    def latest(self) -> Mapping[str, Noted]: ...


def router(scaling: Scaling, *, clock: Callable[[], int], knock: Callable[[], None]) -> APIRouter:
    """The routes; `knock` wakes the next trip, `clock` gives UTC nanoseconds."""
    routes = APIRouter(prefix="/v1", tags=["scaling"])

    @routes.get("/scaling")
    def decisions() -> list[messages.DecisionView]:
        """The latest decision for each unit that scales."""
        return [_view(noted) for _, noted in sorted(scaling.latest().items())]

    @routes.get("/scaling/{name}")
    def explained(name: str, at: str = "") -> list[messages.Explained]:
        """The decision in force at that moment (RFC 3339; default: now), of a unit or of each unit of a service."""
        moment = _nanoseconds(at) if at else clock()
        names = _of(name, scaling.history.units() | set(scaling.latest()))
        found = [_explained(scaling.history, unit, moment) for unit in names]
        if not any(found):
            raise LongspanError(f"nothing is recorded of {name} at {_rfc3339(moment)} or before")
        return [one for one in found if one is not None]

    @routes.post("/scaling/{unit}/replay")
    def replay(unit: str, order: messages.ReplayOrder) -> messages.Replayed:
        """What another policy would have done on the load that was recorded of the unit."""
        policy, now = load_policy(order.policy, order.file), clock()
        if unit not in scaling.history.units():
            _of(unit, scaling.history.units())
            raise LongspanError(f"{unit} is a service of several units", remedy="Name one of them: longspan status")
        notes = scaling.history.between(unit, max(0, now - round(order.since_seconds * 1e9)), now)
        if (found := compare(notes, policy)) is None:
            raise LongspanError(f"nothing is recorded of {unit} in that time", remedy="Go further back with --since")
        return _replayed(unit, found)

    @routes.post("/scale")
    def scale(order: messages.ScaleOrder) -> messages.Scaled:
        """Hold a unit at a number of replicas, until a stated end."""
        before, pin = run.hold(
            scaling, order.unit, order.replicas, seconds=order.for_seconds, author=order.author, now=clock()
        )
        knock()
        return messages.Scaled(unit=pin.unit, before=before, replicas=pin.replicas, until=_rfc3339(pin.until))

    @routes.delete("/scale/{unit}")
    def unscale(unit: str) -> messages.Scaled:
        """Hold it no longer: the scaler, or the file, says how many."""
        before, replicas = run.release(scaling, unit, clock())
        knock()
        return messages.Scaled(unit=unit, before=before, replicas=replicas)

    return routes


def _of(name: str, units: set[str]) -> list[str]:
    """The units that a name means: itself, else those of the service. Raises `LongspanError` for none."""
    found = sorted(unit for unit in units if unit == name or unit.startswith(f"{name}."))
    if not found:
        guess = closest(name, units)
        there = ", ".join(sorted(units)[:12]) or "none"
        remedy = f"Did you mean {guess}?" if guess else f"These scale: {there}. Give the file a scaling: section"
        raise LongspanError(f"nothing is recorded of {name}: it does not scale", remedy=remedy)
    return found


def _explained(past: Past, unit: str, moment: int) -> messages.Explained | None:
    if (noted := past.at(unit, moment)) is None:
        return None
    return messages.Explained(
        decision=_view(noted),
        seen=explain.seen(noted.record),
        rules=explain.rules(noted),
        changes=tuple(_view(one) for one in past.changes(unit, moment, _CHANGES)),
    )


def _view(noted: Noted) -> messages.DecisionView:
    return _decided(noted.unit, noted.at, noted.record.before, noted.record.decision)


def _decided(unit: str, at: int, before: int, decision: Decision) -> messages.DecisionView:
    return messages.DecisionView(
        unit=unit,
        at=_rfc3339(at),
        before=before,
        after=decision.replicas,
        reason=decision.reason,
        signal=decision.signal,
    )


def _replayed(unit: str, found: Comparison) -> messages.Replayed:
    every = -(-len(found.rows) // _ROWS)
    rows: Sequence[messages.ReplayMoment] = [
        messages.ReplayMoment(
            at=_rfc3339(row.at),
            arrivals=row.arrivals,
            replicas=row.replicas,
            wait=row.wait,
            other_replicas=row.other_replicas,
            other_wait=row.other_wait,
        )
        for row in found.rows[::every]
    ]
    return messages.Replayed(
        unit=unit,
        moments=tuple(rows),
        totals=tuple(
            messages.ReplayTotal(
                name=one.name,
                replica_hours=one.replica_seconds / 3600,
                changes=one.changes,
                mean_wait=one.mean_wait,
                worst_wait=one.worst_wait,
                refused=one.refused,
            )
            for one in found.totals
        ),
        decisions=tuple(_decided(unit, at, before, decision) for at, before, decision in found.decisions),
        left_out_seconds=found.left_out_seconds,
    )


def _nanoseconds(text: str) -> int:
    """The end of the millisecond: what is told to the millisecond can be asked for again."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise LongspanError(f"{text[:60]!r} is no moment", remedy="Write RFC 3339: 2026-11-24T10:03:00Z") from None
    if found.tzinfo is None:
        raise LongspanError(f"{text} names no time zone", remedy="Write RFC 3339: 2026-11-24T10:03:00Z")
    # The whole microsecond is meant: a moment that we told in microseconds must find what it was told of.
    meant = int(found.replace(microsecond=0).timestamp()) * 10**9 + (found.microsecond // 1000 + 1) * 10**6 - 1 + 999
    return max(0, min(meant, _LAST_MOMENT))


def _rfc3339(at: int) -> str:
    text = datetime.fromtimestamp(at // 10**9, UTC).replace(microsecond=at // 1000 % 10**6)
    return text.isoformat(timespec="microseconds").replace("+00:00", "Z")
