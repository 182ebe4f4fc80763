"""What was tried and was not enough is not tried again until there is clearly less to do.

Formulas are guesses about a count that does not run. Where growing shows that one of them was wrong, the count that
was not enough is remembered with the rate at which it was not. So under a load that stays the same each count is gone
back to once at most, and the count comes to rest, whatever the formulas say.
"""

from __future__ import annotations

from longspan.capabilities.scaling.decide.values import Lesson, Seen

_DUST = 1e-3
CLEARLY_LESS = 0.8
"""A count is tried again below this share of the rate at which it was not enough."""


def taught(lessons: tuple[Lesson, ...], lesson: Lesson) -> tuple[Lesson, ...]:
    """With one more; of one count the lowest rate is kept."""
    known = next((one for one in lessons if one.replicas == lesson.replicas), None)
    if known is not None and known.rate <= lesson.rate:
        return lessons
    rest = [one for one in lessons if one is not known]
    return tuple(sorted([*rest, lesson], key=lambda one: one.replicas))


def least(lessons: tuple[Lesson, ...], rate: float) -> tuple[int, Lesson | None]:
    """The fewest replicas that nothing learnt speaks against at this rate, and the lesson that says so."""
    against = [one for one in lessons if one.rate > 0 and rate >= CLEARLY_LESS * one.rate]
    worst = max(against, key=lambda one: one.replicas, default=None)
    return (worst.replicas + 1, worst) if worst is not None else (1, None)


def disproved(lessons: tuple[Lesson, ...], borne: Seen) -> tuple[Lesson, ...]:
    """Without those that a count, seen to be enough for a whole stable window, speaks against."""
    rate = (borne.arrivals or 0.0) * (1 - _DUST)
    if not any(one.replicas >= borne.ready and one.rate < rate for one in lessons):
        return lessons
    return tuple(one for one in lessons if one.replicas < borne.ready or one.rate >= rate)


def told(lesson: Lesson) -> str:
    """``2 were not enough at 41.0 requests/s``."""
    were = "replica was" if lesson.replicas == 1 else "were"
    return f"{lesson.replicas} {were} not enough at {lesson.rate:.1f} requests/s"
