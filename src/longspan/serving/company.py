"""How many rows may a run hold, and how many requests go through a chain together?

Each step's own limit follows from what was measured when the worker started (`warmup`, `batching.rows_limit`); how many
requests enter together follows from these, and from what requests take of late.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from longspan.serving.batching import company, rows_limit
from longspan.serving.pace import SLOW
from longspan.serving.step import Step
from longspan.serving.warmup import Measured

OBJECTIVE = 100_000_000
"""Nanoseconds that a shared run in the thread may take, as measured."""
OWN_ROWS = 64
"""Rows that a Python step gets at once when it says that it takes a batch. No model is measured with more."""
CALL_ROWS = 8
"""Rows of one call of a padded step that runs elsewhere. Its unit puts calls together as far as it gains by that; here
a request's rows are spread, so that all of the unit's replicas may work for it."""


class Limits:
    """How many rows a run may hold, for each step and for the group that enters the chain, on either side."""

    def __init__(self, inline: Sequence[int], thread: Sequence[int], group_inline: int, group_thread: int) -> None:
        self._steps = {True: tuple(inline), False: tuple(thread)}
        self._group = {True: group_inline, False: group_thread}

    def steps(self, inline: bool) -> tuple[int, ...]:
        return self._steps[inline]

    def group(self, inline: bool) -> int:
        return self._group[inline]


def limits(steps: Sequence[Step], measured: Sequence[Measured | None]) -> Limits:
    """From what was measured of the model of each step; None for a step without one."""

    def of(within: int) -> list[int]:
        found = []
        for step, one in zip(steps, measured, strict=True):
            if not step.shares:
                found.append(1)
            elif step.call != "sync":
                found.append(CALL_ROWS)
            else:
                found.append(OWN_ROWS if one is None else rows_limit(one.curve, within))
        return found

    inline, thread = of(SLOW // len(steps)), of(OBJECTIVE)
    return Limits(inline, thread, group(steps, inline), group(steps, thread))


def group(steps: Sequence[Step], limits: Sequence[int]) -> int:
    """What enters together: as many as all of the steps gain by that run for the requests' own rows.

    The first of them waits for all. Rows that a step has made are not looked at here: see `Company`.
    """
    own = [limit for limit, step in zip(limits, steps, strict=True) if step.shares and not step.counted]
    return min(own, default=1)


class Company:
    """How many requests enter steps in the thread together.

    As many as the first steps gain by, and more for the sake of a later one: where a step makes three rows of each
    request, runs of twelve are filled only if four requests come together. They do as far as that costs nobody more
    than `OBJECTIVE` (`batching.company`), by what requests have taken of late.
    """

    __slots__ = ("_each", "_steps")

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = [step for step in steps if step.counted and step.shares]
        self._each = 0

    def ran(self, rows: int, nanoseconds: int) -> None:
        """So long requests of so many rows of their own took together. Called in the thread."""
        if not rows:  # a step apart may be given none: that says nothing about what a row takes
            return
        each = nanoseconds // rows
        self._each = (3 * self._each + each) // 4 if self._each else each

    def limit(self, alone: int) -> int:
        """Rows of requests that go together; `alone` is what those steps gain by that run for these rows."""
        wanted = max([_wanted(step) for step in self._steps if step.rows_limit > 1], default=0)
        return company(alone, wanted, self._each, OBJECTIVE)


def _wanted(step: Step) -> int:
    """Requests whose rows fill a run; 0 before it is known how many rows a request has."""
    rows = step.rows_each if step.padding is None else step.padding.alike
    return math.ceil(step.rows_limit / rows) if rows else 0
