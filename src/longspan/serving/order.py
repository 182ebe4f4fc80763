"""Which steps wait for which, which may run at the same time, and which may find nothing to do?

Pure: conclusions from the steps of a service, drawn once, when the worker starts. A step waits for the steps that
it takes something of, and for the one that its `when` looks at. Steps of which neither waits for the other are
independent: they run at the same time, each on its own *track*. A track is a path, so a step never meets itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from longspan.base.signatures import BATCH
from longspan.wire.orders import StepWork

MOST_TRACKS = 8
"""Threads of one worker. More branches than that take turns."""
NOT = "not "

Needs = tuple[frozenset[int], ...]
"""For each step, by its place: the places of others."""


def condition(when: str) -> tuple[str, bool]:
    """(whose value is looked at, what it must be)."""
    return (when[len(NOT) :], False) if when.startswith(NOT) else (when, True)


def waits(steps: Sequence[StepWork]) -> Needs:
    """For each step all that must have run before it, at first hand or not.

    Raises `ValueError` when a step waits for one that does not stand before it.
    """
    places = {step.name: place for place, step in enumerate(steps)}
    found: list[frozenset[int]] = []
    for place, step in enumerate(steps):
        direct = {places[giver] for source in _sources(step) if (giver := _giver(source))}
        if any(other >= place for other in direct):
            raise ValueError(f"step {step.name!r} waits for one that does not stand before it")
        found.append(frozenset(direct).union(*[found[other] for other in direct]))
    return tuple(found)


def chain(before: Needs) -> bool:
    """Does each step wait for all that stand before it? Then nothing can be done at the same time."""
    return all(len(others) == place for place, others in enumerate(before))


def tracks(before: Needs, threaded: Sequence[bool]) -> tuple[int, ...]:
    """For each step its track, -1 for those that need no thread.

    Steps of one track wait for each other, as long as `MOST_TRACKS` are enough. A step goes where the one that it
    waits for went last, so that a line of steps stays together.
    """
    ends: list[int] = []
    found: list[int] = []
    for place, others in enumerate(before):
        if not threaded[place]:
            found.append(-1)
            continue
        free = [track for track, end in enumerate(ends) if end in others]
        if free:
            track = max(free, key=lambda track: ends[track])
        elif len(ends) < MOST_TRACKS:
            track = len(ends)
            ends.append(place)
        else:
            track = min(range(len(ends)), key=found.count)
        ends[track] = place
        found.append(track)
    return tuple(found)


class Part(NamedTuple):
    """Steps that run one after the other, without a look at anything else between them."""

    steps: tuple[int, ...]
    after: tuple[int, ...]
    """Parts that must have run before it; the others are reached through these."""
    followers: tuple[int, ...]
    """Parts that wait for it: the other way round."""


def parts(before: Needs, on: Sequence[int], threaded: Sequence[bool]) -> tuple[Part, ...]:
    """The steps in parts, in an order in which they can run. `on`: the track of each.

    Steps that are `threaded`, on one track and with nothing between them are one part, for to enter a thread
    costs more than many a step; any other step is a part of its own.
    """
    near = [_near(others, before) for others in before]
    takers = [[place for place, others in enumerate(near) if other in others] for other in range(len(before))]
    home: list[int] = []
    members: list[list[int]] = []
    for place, others in enumerate(near):
        only = next(iter(others)) if len(others) == 1 else None
        joins = (
            only is not None
            and takers[only] == [place]
            and on[only] == on[place]
            and threaded[only]
            and threaded[place]
        )
        if only is not None and joins:
            home.append(home[only])
            members[home[only]].append(place)
        else:
            home.append(len(members))
            members.append([place])
    after = [sorted({home[other] for other in near[steps[0]]}) for steps in members]
    return tuple(
        Part(tuple(steps), tuple(after[index]), tuple(n for n, others in enumerate(after) if index in others))
        for index, steps in enumerate(members)
    )


def _near(others: frozenset[int], before: Needs) -> frozenset[int]:
    """Those of `others` that are not waited for by another of them anyway."""
    return others - frozenset().union(*[before[other] for other in others])


class Facts(NamedTuple):
    """What a step may meet, as far as it follows from the graph."""

    skippable: bool = False
    """Because of its `when`, or because something that it cannot do without may not be there."""
    counted: str = ""
    """Whose rows it runs for: a key of the case's values. Empty: a request's own, or it has no rows."""


PLAIN = Facts()
"""Of a step that takes what the client brought."""


def facts(steps: Sequence[StepWork]) -> tuple[Facts, ...]:
    """For each step what it may meet.

    Rows that a step has made of a request are counted where they are taken, for there may be none of them.
    """
    skippable: dict[str, bool] = {}
    made: dict[str, bool] = {}
    """Step -> are the rows that it gives not the client's?"""
    found = []
    for step in steps:
        types = step.signature.inputs
        required = [source for name, source in step.inputs.items() if name not in step.signature.optional]
        skips = bool(step.when) or any(skippable.get(_giver(source), False) for source in required)
        rows = [source for name, source in step.inputs.items() if name in types and types[name].batched]
        counted = next((source for source in rows if made.get(_giver(source), False)), "")
        skippable[step.name] = skips
        made[step.name] = bool(counted) or makes(step)
        found.append(Facts(skips, counted))
    return tuple(found)


def makes(step: StepWork) -> bool:
    """Does it make rows of what has none?"""
    signature = step.signature
    return any(tensor.batched for tensor in signature.outputs.values()) and not any(
        BATCH in tensor.shape for tensor in signature.inputs.values()
    )


def _giver(source: str) -> str:
    """The step that gives it; empty for an input of the service."""
    return source.partition(".")[0] if "." in source else ""


def _sources(step: StepWork) -> list[str]:
    looked_at = condition(step.when)[0]
    return [*step.inputs.values(), looked_at] if looked_at else list(step.inputs.values())
