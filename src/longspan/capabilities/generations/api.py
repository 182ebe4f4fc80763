"""Routes of generations: plan, apply, rollback, and how each fared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from fastapi import APIRouter

from longspan.base.errors import LongspanError
from longspan.capabilities.generations import run
from longspan.client import messages
from longspan.system.records import Generation


def router(
    see: run.See,
    ledger: run.Ledger,
    *,
    clock: Callable[[], int],
    knock: Callable[[], None],
    done: Callable[[int], bool],
    notes: Callable[[], Sequence[str]] = tuple,
) -> APIRouter:
    """The routes; `knock` wakes the next trip, `clock` gives UTC nanoseconds, `done` knows whether a verdict
    is in force at the gateway, `notes` what a plan should mention that no generation holds."""
    routes = APIRouter(prefix="/v1", tags=["generations"])

    @routes.post("/plan")
    def plan() -> messages.Plan:
        """What applying the file would change. Touches nothing."""
        return shown(run.plan(see, ledger, clock()), notes())

    @routes.post("/apply")
    def apply(order: messages.ApplyOrder) -> messages.ApplyAnswer:
        """Accept the file as a new, pending generation. Ask for it by number to see how it fares."""
        accepted, planned = run.apply(see, ledger, author=order.author, on=order.on, now=clock())
        knock()
        return messages.ApplyAnswer(generation=accepted.number if accepted else None, plan=shown(planned))

    @routes.post("/rollback")
    def rollback(order: messages.RollbackOrder) -> messages.ApplyAnswer:
        """Accept an earlier generation's content as a new, pending generation."""
        accepted, planned = run.rollback(see, ledger, author=order.author, to=order.to, now=clock())
        knock()
        return messages.ApplyAnswer(generation=accepted.number if accepted else None, plan=shown(planned))

    @routes.get("/generations")
    def generations() -> list[messages.GenerationView]:
        """The newest hundred, newest first."""
        return [_view(generation, done(generation.number)) for generation in ledger.generations()]

    @routes.get("/generations/{number}")
    def generation(number: int) -> messages.GenerationView:
        """One generation and how it fares."""
        if (found := ledger.generation(number)) is None:
            raise LongspanError(f"there is no generation {number}")
        return _view(found, done(number))

    return routes


def shown(planned: run.Planned, notes: Sequence[str] = ()) -> messages.Plan:
    """A plan as the API tells it, with `notes` after its own."""
    return messages.Plan(
        system=planned.system,
        on=planned.on.number if planned.on else None,
        changes=tuple(messages.Change(kind=c.kind, at=c.at, before=c.before, after=c.after) for c in planned.changes),
        restarts=planned.restarts,
        notes=(*planned.notes, *notes),
    )


def _view(generation: Generation, done: bool) -> messages.GenerationView:
    at = datetime.fromtimestamp(generation.at / 1e9, UTC).isoformat(timespec="milliseconds")
    return messages.GenerationView(
        number=generation.number,
        parent=generation.parent,
        author=generation.author,
        at=at.replace("+00:00", "Z"),
        state=generation.state,
        done=done and generation.state != "pending",
        reason=generation.reason,
        last_log=generation.last_log,
    )
