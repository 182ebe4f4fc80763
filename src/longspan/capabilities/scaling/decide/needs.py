"""How many replicas does each signal ask for?

What replicas have to carry is the same however many there are: cores in use and requests held are summed and shared
out by the set point. A wait is not: `queueing` says how many would bring it within its set point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from longspan.capabilities.scaling.decide import queueing
from longspan.capabilities.scaling.decide.values import Seen
from longspan.spec.scaling import MOST_REPLICAS, Policy

_DUST = 1e-9
_NEARLY_ALL = 0.95
"""Replicas whose requests do not wait too long are not busier than this, whatever their service times say."""


class Need(msgspec.Struct, frozen=True, gc=False):
    """What one signal asks for."""

    signal: str
    """``cpu``, ``in_flight`` or ``queue_wait``."""
    value: float
    """Share, requests or seconds."""
    replicas: int


def needs(seen: Seen, policy: Policy, *, over: float = 1.0, backlog: bool = True, fewer: bool = True) -> list[Need]:
    """What each signal of the policy that was seen asks for; none when there is nothing to do.

    `over`: so many times the set point is still borne. `backlog`: what waits counts as well; without it only what
    comes does, for while replicas start that were asked for because of what waits. `fewer`: without it, a wait within
    its set point asks for 1; how many fewer would do takes longest to work out.
    """
    if seen.idle or seen.ready < 1:
        # A processor that is busy without requests is no work that replicas could share.
        return []
    found = []
    if policy.cpu is not None and seen.cpu is not None:
        found.append(Need("cpu", seen.cpu, _shared(seen.cpu * seen.ready, policy.cpu * over)))
    if policy.in_flight is not None and seen.in_flight is not None:
        held = seen.in_flight if backlog else min(seen.in_flight, (seen.arrivals or 0.0) * (seen.service or 0.0))
        found.append(Need("in_flight", seen.in_flight, _shared(held, policy.in_flight * over)))
    if policy.queue_wait_seconds is not None and seen.queue_wait is not None:
        most_wait = policy.queue_wait_seconds * over
        enough = not fewer and seen.queue_wait <= most_wait
        replicas = 1 if enough else _for_the_queue(seen, most_wait, backlog)
        found.append(Need("queue_wait", seen.queue_wait, replicas))
    return found


def over_one(entries: Sequence[Seen], policy: Policy) -> bool:
    """Is any of them over a set point? If none is, no mean of them is, and nothing asks for more."""
    cpu, wait, held = policy.cpu, policy.queue_wait_seconds, policy.in_flight
    return (
        (cpu is not None and any(one.cpu is not None and one.cpu > cpu for one in entries))
        or (wait is not None and any(one.queue_wait is not None and one.queue_wait > wait for one in entries))
        or (held is not None and any((one.in_flight or 0.0) > held * one.ready for one in entries))
    )


def _shared(all_of_it: float, each: float) -> int:
    return max(1, min(MOST_REPLICAS, math.ceil(all_of_it / each - _DUST)))


def _for_the_queue(seen: Seen, most_wait: float, backlog: bool) -> int:
    waited, ready, rate = seen.queue_wait or 0.0, seen.ready, seen.arrivals
    late = waited > most_wait
    if not rate:
        return min(MOST_REPLICAS, ready + 1) if late and backlog else 1
    service = seen.service or 0.0
    if backlog:
        service = max(service, queueing.inferred(ready, rate, waited))
    if not late:
        # So many were seen to be enough: a service time by which they were not is too long.
        service = min(service, _NEARLY_ALL * ready / rate)
    asked = queueing.enough(rate, service, most_wait)
    if late and backlog:
        return min(MOST_REPLICAS, max(asked, ready + 1))
    return asked if late else min(asked, ready)


def most(found: list[Need]) -> Need | None:
    """The most demanding; of equals the first."""
    return max(found, key=lambda need: need.replicas, default=None)


def told(need: Need, policy: Policy, during: str) -> str:
    """``requests in flight 23.1 over the last 6 s need 3 at 8 each``."""
    asks = f"{during} need{'s' if need.signal != 'in_flight' else ''} {need.replicas}"
    match need.signal:
        case "cpu":
            return f"cpu {need.value:.0%} of what a replica is granted {asks} at {policy.cpu or 0:.0%}"
        case "in_flight":
            return f"requests in flight {need.value:.1f} {asks} at {policy.in_flight or 0:g} each"
    return f"queue wait {seconds(need.value)} {asks} at {seconds(policy.queue_wait_seconds or 0)}"


def seconds(number: float) -> str:
    """``120 ms``, ``1.5 s``, ``6 s``."""
    if number >= 1:
        return f"{round(number, 1):g} s"
    return f"{number * 1e3:.0f} ms" if number >= 0.01 or number == 0 else f"{number * 1e3:.1f} ms"
