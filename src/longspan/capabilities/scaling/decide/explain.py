"""A decision told again in words: what was seen against which set points, and what bounded it."""

from __future__ import annotations

from collections.abc import Iterator

from longspan.base.units import format_share
from longspan.capabilities.scaling.decide import lessons as learnt
from longspan.capabilities.scaling.decide.history import Noted, Record
from longspan.capabilities.scaling.decide.limits import limits
from longspan.capabilities.scaling.decide.needs import needs, seconds
from longspan.capabilities.scaling.decide.values import Seen

_NOT_A_SIGNAL = "no signal of this policy"


def seen(record: Record) -> tuple[str, ...]:
    """A line for each thing that was seen since the record before."""
    if record.seen is None:
        return ("nothing could be seen",)
    return tuple(_seen(record, record.seen))


def _seen(record: Record, at: Seen) -> Iterator[str]:
    policy = record.policy
    missing = at.ready - at.pages
    asked = {need.signal: f", which needs {need.replicas}" for need in needs(at, policy)}
    yield f"over {seconds(at.span)}: {at.ready} of {record.before} replicas ready" + (
        f", signals of {missing} missing" if missing > 0 else ""
    )
    if at.arrivals is not None:
        refused = f", of which {at.refused:.1f} were refused" if at.refused else ""
        yield f"{at.arrivals:.1f} requests/s{refused}"
    if at.cpu is not None:
        point = f"kept at {format_share(policy.cpu)}" if policy.cpu is not None else _NOT_A_SIGNAL
        yield f"cpu {at.cpu:.0%} of what a replica is granted ({point}){asked.get('cpu', '')}"
    if at.in_flight is not None:
        point = f"{policy.in_flight:g} meant for each replica" if policy.in_flight is not None else _NOT_A_SIGNAL
        yield f"{at.in_flight:.1f} requests in flight ({point}){asked.get('in_flight', '')}"
    if at.queue_wait is not None:
        wait = policy.queue_wait_seconds
        point = f"{seconds(wait)} allowed" if wait is not None else _NOT_A_SIGNAL
        yield f"queue wait {seconds(at.queue_wait)} ({point}){asked.get('queue_wait', '')}"
    if at.service is not None:
        yield f"{seconds(at.service)} of work a request"
    if at.p95 is not None:
        yield f"95% answered within {seconds(at.p95)}"


def rules(noted: Noted) -> tuple[str, ...]:
    """A line for each thing that bounded the count."""
    return tuple(_rules(noted.record, noted.at))


def _rules(record: Record, at: int) -> Iterator[str]:
    policy = record.policy
    yield (
        f"min {policy.min}, max {policy.max}; grows by {policy.grow} in {seconds(policy.panic_seconds)} at most, "
        f"shrinks by {policy.shrink} in {seconds(policy.calm_seconds)} at most"
    )
    bounds = limits(policy, at)
    for one in policy.schedules:
        state = "holds" if one.hours.hold(at) else "does not hold"
        yield f"schedule {one.hours}: at least {one.min}; {state}" + (", and decides" if one is bounds.schedule else "")
    if record.held:
        yield record.held
    if record.room is not None:
        yield f"the machine has room for {record.room.replicas}: {record.room.why}"
    for lesson in record.lessons:
        yield f"learnt: {learnt.told(lesson)}; tried again below {learnt.CLEARLY_LESS:.0%} of that"
