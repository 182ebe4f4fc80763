"""How many replicas from now on, and why?

Growing is quick and asks for little: a panic window that is clearly over a set point, a stable window that is a
little over, or a rise that will lead there before a replica could help. Taking away is slow and asks for much: a whole
calm time without a gap, and no moment of it that more replicas were needed for. What cannot be seen counts as neither.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from longspan.capabilities.scaling.decide import lessons as learnt
from longspan.capabilities.scaling.decide import staying, trend
from longspan.capabilities.scaling.decide import window as windows
from longspan.capabilities.scaling.decide.limits import Limits, Room, limits, no_room
from longspan.capabilities.scaling.decide.needs import Need, most, needs, over_one, seconds, told
from longspan.capabilities.scaling.decide.values import Decision, Lesson, Seen
from longspan.capabilities.scaling.decide.window import Window
from longspan.spec.scaling import Policy

CLEARLY_OVER = 1.1
"""So many times a set point is clearly over it: a panic window is enough to act on."""
_NEWEST = 2
"""Entries of the panic window that are the last moments."""
WORKED_OFF = 0.9
"""After new replicas came, a number in flight that falls below this share is a backlog being worked off."""


class _Asked(msgspec.Struct, frozen=True):
    """What asks for more, over which time, and what was seen then."""

    need: Need
    during: str
    seen: Seen
    foreseen: bool = False
    """It has not come to that yet: nothing is proved of the count that there is."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision rests on."""

    window: Window
    policy: Policy
    current: int
    """The count in force."""
    lessons: tuple[Lesson, ...] = ()
    room: Room | None = None
    held: str = ""
    """Who holds the unit at its count until when, in words: then nothing is decided."""


def decide(case: Case) -> Decision:
    """The count from now on. The same case always gives the same decision; `Case.window` brings the time."""
    current, window = case.current, case.window
    if case.held:
        return Decision(replicas=current, reason=f"stays at {current}: {case.held}", signal="pin")
    if not window.fresh:
        return _stays(case, "nothing has been seen yet")
    bounds = limits(case.policy, window.fresh[-1].at)
    if current < bounds.least:
        return _bounded(case, bounds, bounds.least)
    if current > bounds.most:
        return Decision(
            replicas=bounds.most, reason=f"{current} -> {bounds.most}: max is {bounds.most}", signal="limits"
        )
    recent = window.recent()
    if recent[-1].ready < 1:
        return _stays(case, "no replica is ready")
    moment = _moment(window, case.policy)
    if (asked := _to_grow(case, moment)) is not None:
        return _grow(case, bounds, asked)
    return _shrink(case, bounds, moment)


def _moment(window: Window, policy: Policy) -> Seen | None:
    entries = windows.last(window.recent(), policy.panic_seconds)
    return windows.merged(entries) if entries else None


# ------------------------------------------------------------------------------------------- growing


def _to_grow(case: Case, moment: Seen | None) -> _Asked | None:
    """What asks for more, if anything does."""
    policy, current = case.policy, case.current
    if moment is None:
        return None
    # What waits now is the work of those that start already; only what comes can ask for yet more.
    backlog = moment.ready >= current
    clearly = most(needs(moment, policy, over=CLEARLY_OVER, backlog=backlog, fewer=False))
    if clearly is not None and clearly.replicas > current and not _worked_off(case):
        return _amount(case, moment, backlog)
    if (soon := _soon(case, moment, backlog)) is not None:
        return soon
    entries = windows.last(case.window.strength(), policy.stable_seconds) if backlog else None
    # What was too much and is no more asks for nothing: the last moments must be over a set point as well.
    if entries is not None and over_one(entries, policy) and _over(moment, case):
        lasting = windows.merged(entries)
        need = most(needs(lasting, policy, fewer=False))
        if need is not None and need.replicas > current:
            return _Asked(need, f"over the last {seconds(lasting.span)}", lasting)
    return None


def _over(moment: Seen, case: Case) -> bool:
    need = most(needs(moment, case.policy, fewer=False))
    return need is not None and need.replicas > case.current


def _soon(case: Case, moment: Seen, backlog: bool) -> _Asked | None:
    """What a load that rises will ask for before a replica could help. Not its wait: that follows no straight line."""
    found = trend.rise((*case.window.blocks, *case.window.fresh), case.policy.panic_seconds)
    if found is None or _worked_off(case):
        return None
    then = trend.foreseen(moment, found)
    need = most([one for one in needs(then, case.policy, backlog=backlog, fewer=False) if one.signal != "queue_wait"])
    if need is None or need.replicas <= case.current:
        return None
    return _Asked(need, f"in {seconds(trend.AHEAD_SECONDS)}, as {trend.told(found)},", then, foreseen=True)


def _amount(case: Case, moment: Seen, backlog: bool) -> _Asked:
    """How many, once there is no doubt that there are too few. Where load rises, its mean lags behind it, so the last
    moments alone are asked as well, and the more demanding answer counts."""
    newest = windows.merged(case.window.recent()[-_NEWEST:])
    found = [(most(needs(seen, case.policy, backlog=backlog)), seen) for seen in (moment, newest)]
    asked = [(need, seen) for need, seen in found if need is not None]
    need, seen = max(asked, key=lambda pair: pair[0].replicas)
    return _Asked(need, f"over the last {seconds(seen.span)}", seen)


def _worked_off(case: Case) -> str:
    """Are the last ones that came just answering what had queued before them? Then the numbers of it, in words."""
    recent = case.window.recent()
    before, now = recent[0].in_flight, recent[-1].in_flight
    if before is None or now is None or now >= WORKED_OFF * before:
        return ""
    came = any(one.ready < recent[-1].ready for one in (*case.window.blocks, *case.window.fresh))
    return f"{before:.1f} requests in flight became {now:.1f}" if came else ""


def _grow(case: Case, bounds: Limits, asked: _Asked) -> Decision:
    current, policy = case.current, case.policy
    need, during, seen = asked.need, asked.during, asked.seen
    lowest = min([one.wanted for one in case.window.fresh] + [current])
    most_now = max(current, lowest + policy.grow)
    others = [
        told(one, policy, during) for one in needs(seen, policy) if one.signal != need.signal and one.replicas > current
    ]
    why = "; ".join([told(need, policy, during), *others])
    replicas = max(current, min(need.replicas, most_now, bounds.most))
    if replicas < need.replicas:
        if replicas == bounds.most:
            why += f"; max is {bounds.most}"
        else:
            why += f"; grow adds at most {policy.grow} in {seconds(policy.panic_seconds)}"
    if case.room is not None and replicas > case.room.replicas:
        replicas = max(current, case.room.replicas)
        why += f"; {no_room(case.room)}"
    if replicas == current:
        return _stays(case, why)
    rate = seen.arrivals or 0.0
    proved = seen.ready >= current and rate > 0 and not asked.foreseen
    lesson = Lesson(current, rate, seen.at) if proved else None
    return Decision(replicas=replicas, reason=f"{current} -> {replicas}: {why}", signal=need.signal, lesson=lesson)


def _bounded(case: Case, bounds: Limits, least: int) -> Decision:
    hours = bounds.schedule
    why = f"at least {least}, {hours.hours}" if hours else f"min is {least}"
    replicas = least
    if case.room is not None and least > case.room.replicas:
        replicas = max(case.current, case.room.replicas)
        why += f"; {no_room(case.room)}"
    if replicas == case.current:
        return _stays(case, why)
    signal = "schedule" if hours else "limits"
    return Decision(replicas=replicas, reason=f"{case.current} -> {replicas}: {why}", signal=signal)


# -------------------------------------------------------------------------------------- taking away


def _shrink(case: Case, bounds: Limits, moment: Seen | None) -> Decision:
    """Fewer, where nothing speaks against it; else the first thing that does."""
    current, policy, window = case.current, case.policy, case.window
    if moment is None:
        return _stays(case, f"less than {seconds(policy.panic_seconds)} seen with {_ready(window.fresh[-1])} ready")
    asked = most(needs(moment, policy)) if current > bounds.least else None
    if current <= bounds.least or (asked is not None and asked.replicas >= current):
        return _stays(case, _ordinary(case, bounds, moment))
    calm = windows.last((*window.blocks, *window.fresh), policy.calm_seconds)
    if calm is None:
        held = windows.spans((*window.blocks, *window.fresh))
        return _stays(case, f"seen for {seconds(held)}; calm has to last {seconds(policy.calm_seconds)}")
    if any(not one.whole for one in calm):
        return _stays(case, "signals are missing, and a missing signal takes nothing away")
    highest = max([one.wanted for one in calm] + [current])
    if highest - policy.shrink >= current:
        return _stays(case, f"shrink takes at most {policy.shrink} in {seconds(policy.calm_seconds)}")
    past = (*calm[: len(calm) - len(window.fresh)], moment)
    busiest, asked = _busiest(past, policy, current)
    need = asked.replicas if asked is not None else 1
    if asked is not None and need >= current:
        during = f"over {seconds(busiest.span)} of the last {seconds(policy.calm_seconds)}"
        return _stays(case, told(asked, policy, during))
    least, lesson = learnt.least(case.lessons, max([one.arrivals or 0.0 for one in past]))
    if least >= current and lesson is not None:
        return _stays(case, learnt.told(lesson) + f"; tried again below {learnt.CLEARLY_LESS:.0%} of that")
    replicas = max(need, least, bounds.least, highest - policy.shrink)
    why = f"calm for {seconds(policy.calm_seconds)}: "
    why += told(asked, policy, f"over its busiest {seconds(busiest.span)}") if asked is not None else "nothing to do"
    if replicas > need:
        why += f"; {_rest(replicas, bounds, policy, lesson if replicas == least else None)}"
    return Decision(replicas=replicas, reason=f"{current} -> {replicas}: {why}", signal="calm")


def _busiest(past: Sequence[Seen], policy: Policy, current: int) -> tuple[Seen, Need | None]:
    """The entry that needs most, and what; the first that needs as many as there are ends the search."""
    busiest, need = past[-1], None
    for one in past:
        asked = most(needs(one, policy))
        if asked is not None and (need is None or asked.replicas > need.replicas):
            busiest, need = one, asked
            if need.replicas >= current:
                break
    return busiest, need


def _rest(replicas: int, bounds: Limits, policy: Policy, lesson: Lesson | None) -> str:
    """Why not fewer."""
    if lesson is not None:
        return learnt.told(lesson)
    if replicas == bounds.least:
        return f"at least {replicas}, {bounds.schedule.hours}" if bounds.schedule else f"min is {replicas}"
    return f"shrink takes at most {policy.shrink} in {seconds(policy.calm_seconds)}"


# ----------------------------------------------------------------------------------- staying, in words


def _stays(case: Case, why: str) -> Decision:
    return Decision(replicas=case.current, reason=f"stays at {case.current}: {why}")


def _ordinary(case: Case, bounds: Limits, moment: Seen) -> str:
    limited = case.current <= bounds.least and bounds.least > 1
    return staying.reason(
        staying.Staying(
            policy=case.policy,
            current=case.current,
            moment=moment,
            before=case.window.blocks,
            least=_rest(case.current, bounds, case.policy, None) if limited else "",
            backlog=_worked_off(case),
        )
    )


def _ready(seen: Seen) -> str:
    return f"{seen.ready} replica{'s' * (seen.ready != 1)}"
