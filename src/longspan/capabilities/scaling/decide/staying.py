"""Why does a count stay as it is? The reason that decided stands first, and what else is worth knowing behind it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from longspan.capabilities.scaling.decide.needs import Need, most, needs, seconds, told
from longspan.capabilities.scaling.decide.values import Seen
from longspan.spec.scaling import Policy

SLOWER = 3.0
"""So many times the 95th percentile that was usual is worth a word. It is known by buckets, of which each is up to 2.5
times the one before: less may be chance."""


class Staying(msgspec.Struct, frozen=True, kw_only=True):
    """A unit of which nothing asks for another count."""

    policy: Policy
    current: int
    moment: Seen
    """The panic window."""
    before: Sequence[Seen]
    """What is older."""
    least: str
    """Why not fewer than there are, where a limit says so: ``min is 2``."""
    backlog: str
    """``40.0 requests in flight became 31.0``, while what had queued before the last replicas came is worked off."""


def reason(case: Staying) -> str:
    """In words; numbers are those of the panic window."""
    moment = case.moment
    if moment.idle:
        return "nothing to do" + (f"; {case.least}" if case.least else "")
    if moment.ready < case.current:
        return f"{case.current - moment.ready} of {case.current} still start"
    found = needs(moment, case.policy, fewer=False)
    decided = _over(case, found) or _as_many(case) or _enough(case, found)
    return "; ".join(one for one in (decided, _slow_by_itself(case)) if one)


def beside(need: Need, policy: Policy) -> str:
    """``cpu 41% of what a replica is granted (kept at 75%)``: what is seen, and its set point."""
    match need.signal:
        case "cpu":
            return f"cpu {need.value:.0%} of what a replica is granted (kept at {policy.cpu or 0:.0%})"
        case "in_flight":
            return f"{need.value:.1f} requests in flight ({policy.in_flight or 0:g} meant for each replica)"
    return f"queue wait {seconds(need.value)} ({seconds(policy.queue_wait_seconds or 0)} allowed)"


def _over(case: Staying, found: list[Need]) -> str:
    """A set point is missed, and still nothing is added: why not?"""
    need = most(found)
    if need is None or need.replicas <= case.current:
        return ""
    asks = _asks(case, need)
    if case.backlog:
        return f"{asks}, but what waited for the last ones that came is being worked off: {case.backlog}"
    return f"{asks}, but is less than a tenth over it: that has to last for {seconds(case.policy.stable_seconds)}"


def _as_many(case: Staying) -> str:
    """The load of these seconds needs as many as there are."""
    if case.current == 1 or case.least:
        return ""
    need = most(needs(case.moment, case.policy))
    return _asks(case, need) if need is not None and need.replicas >= case.current else ""


def _enough(case: Staying, found: list[Need]) -> str:
    if not found:
        return f"none of its signals was seen over the last {seconds(case.moment.span)}"
    shown = [beside(one, case.policy) for one in found] + ([case.least] if case.least else [])
    return f"enough over the last {seconds(case.moment.span)}: " + "; ".join(shown)


def _asks(case: Staying, need: Need) -> str:
    return told(need, case.policy, f"over the last {seconds(case.moment.span)}")


def _slow_by_itself(case: Staying) -> str:
    """Answers take clearly longer than they did, and it is not the waiting: words for that, or none."""
    waited, took = case.moment.queue_wait, case.moment.p95
    if took is None or waited is None or waited > took / 5:
        return ""
    past = [one.p95 for one in case.before if one.p95 is not None]
    if not past or took < SLOWER * (before := sum(past) / len(past)):
        return ""
    return (
        f"95% are answered within {seconds(took)}, before {seconds(before)}, but wait only {seconds(waited)}: "
        "slow by itself, more replicas will not help"
    )
