"""One tick of one unit: what was known, and what is seen now, become a decision and what is known from now on."""

from __future__ import annotations

import msgspec

from longspan.capabilities.scaling.decide import lessons as learnt
from longspan.capabilities.scaling.decide import window as windows
from longspan.capabilities.scaling.decide.conclude import Case, decide
from longspan.capabilities.scaling.decide.limits import Room
from longspan.capabilities.scaling.decide.needs import most, needs
from longspan.capabilities.scaling.decide.values import Decision, Lesson, Seen, believed
from longspan.capabilities.scaling.decide.window import Window
from longspan.spec.scaling import Policy

SHORTEST_SECONDS, LONGEST_SECONDS = 1e-3, 1e6
"""A span outside is none, and what was seen within it is nothing."""


class State(msgspec.Struct, frozen=True):
    """What is known of one unit."""

    window: Window = Window()
    lessons: tuple[Lesson, ...] = ()


def step(
    state: State, seen: Seen | None, policy: Policy, current: int, *, room: Room | None = None, held: str = ""
) -> tuple[State, Decision]:
    """The next state, and how many replicas from now on.

    `seen`: None, or a span that is no span, when nothing could be seen. `held`: who holds the count, in words.
    """
    window = state.window
    if seen is not None and SHORTEST_SECONDS <= seen.span <= LONGEST_SECONDS:
        window = windows.remember(window, believed(seen), policy)
    decision = decide(Case(window=window, policy=policy, current=current, lessons=state.lessons, room=room, held=held))
    return State(window, _learnt(state.lessons, window, policy, current, decision)), decision


def _learnt(
    lessons: tuple[Lesson, ...], window: Window, policy: Policy, current: int, decision: Decision
) -> tuple[Lesson, ...]:
    if decision.lesson is not None:
        return learnt.taught(lessons, decision.lesson)
    if not lessons:
        return lessons
    entries = windows.last(window.strength(), policy.stable_seconds)
    if entries is None or entries[-1].ready != current or not all(one.whole for one in entries):
        return lessons
    borne = windows.merged(entries)
    asked = most(needs(borne, policy))
    return learnt.disproved(lessons, borne) if asked is not None and asked.replicas <= current else lessons
