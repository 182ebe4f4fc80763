"""What is seen of a unit at one tick, what is concluded from it, and what was learnt. Frozen; nothing here thinks."""

from __future__ import annotations

import msgspec

_BEYOND_BELIEF = 1e12


class Seen(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A unit over the `span` since the tick before, or several such merged (`window.merged`).

    None is a signal that is missing. All replicas together, but for `cpu`, which is the mean of them.
    """

    at: int
    """Its end. UTC nanoseconds since 1970, as the clock showed it: for people, and for schedules."""
    span: float
    """Seconds, by a clock that nobody sets: windows are measured by this one."""
    wanted: int
    """Replicas that there should have been."""
    ready: int
    pages: int
    """Of the ready ones, those whose load page could be read."""
    arrivals: float | None = None
    """Requests a second, with those that were refused."""
    refused: float | None = None
    """Requests a second that the full queue refused."""
    cpu: float | None = None
    """Share of its granted cores that a replica used; 1 is all of them."""
    in_flight: float | None = None
    """Requests that were held, waiting ones too."""
    queue_wait: float | None = None
    """Seconds that requests had waited when they were begun; where none was begun, that the oldest has waited."""
    service: float | None = None
    """Seconds of work that a request takes of a replica; None where replicas work on several at once."""
    p95: float | None = None
    """Seconds from request to answer that 95 of 100 did not exceed."""

    @property
    def whole(self) -> bool:
        """Is nothing missing that a decision to take replicas away would rest on?"""
        return self.pages >= self.ready > 0

    @property
    def idle(self) -> bool:
        """Nothing came and nothing is held."""
        return self.arrivals == 0 and self.in_flight == 0


class Lesson(msgspec.Struct, frozen=True, gc=False):
    """So many replicas were seen not to be enough at so many requests a second."""

    replicas: int
    rate: float
    at: int
    """UTC nanoseconds since 1970."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """How many from now on, and why, in words fit for an audit."""

    replicas: int
    reason: str
    signal: str = ""
    """What decided: ``cpu``, ``in_flight``, ``queue_wait``, ``limits``, ``schedule``, ``pin``, ``calm``; empty when
    nothing changes."""
    lesson: Lesson | None = None
    """What is learnt from it."""


def believed(seen: Seen) -> Seen:
    """The same without what cannot be: a number that is negative or not finite is a missing one, and so is its page."""
    needed = (seen.arrivals, seen.cpu, seen.in_flight, seen.queue_wait)
    others = (seen.refused, seen.service, seen.p95)
    if all(map(_is_one, needed)) and all(number is None or _is_one(number) for number in others):
        return seen
    arrivals, cpu, in_flight, queue_wait = (number if _is_one(number) else None for number in needed)
    refused, service, p95 = (number if _is_one(number) else None for number in others)
    return msgspec.structs.replace(
        seen,
        pages=min(seen.pages, seen.ready - 1) if None in (arrivals, cpu, in_flight, queue_wait) else seen.pages,
        arrivals=arrivals,
        refused=refused,
        cpu=cpu,
        in_flight=in_flight,
        queue_wait=queue_wait,
        service=service,
        p95=p95,
    )


def _is_one(number: float | None) -> bool:
    return number is not None and 0 <= number < _BEYOND_BELIEF
