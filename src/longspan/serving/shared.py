"""One run of a step for several requests, and each its own back.

Pure. What is alike runs together (`batching.cut`), as many rows as the step gains by. A shared run that fails, or that
does not give a row for each that went in, is done again for each request alone: only there it is clear whose fault
it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from longspan.serving.batching import cut
from longspan.serving.rows import alike, join, part

if TYPE_CHECKING:
    from longspan.serving.step import Case, Clock, Step

ForOne = Callable[["Step", "Case"], None]


class Part:
    """A case at the door of a batched step."""

    __slots__ = ("alike", "case", "given", "rows")

    def __init__(self, case: Case, given: dict[str, Any]) -> None:
        self.case, self.given = case, given
        values = tuple(given.values())
        self.rows: int = next((value.shape[0] for value in values if value is not None), 1)
        self.alike = tuple([alike(value) for value in values])


def together(step: Step, waiting: list[Part], clock: Clock, alone: ForOne, enter: ForOne) -> None:
    """Run all of `waiting`, those alike together. Nothing is raised.

    `alone` runs the step for one case, whatever comes of it; `enter` says for whom code of the user runs.
    """
    while waiting:
        group, waiting = cut(waiting, step.rows_limit)
        begun = clock()
        if len(group) > 1 and _shared(step, group, enter):
            step.nanoseconds += clock() - begun
            step.count += len(group)
            step.rows += sum([one.rows for one in group])
            step.batches += 1
        else:
            for one in group:
                alone(step, one.case)


def _shared(step: Step, group: Sequence[Part], enter: ForOne) -> bool:
    """One run for all of `group`; False, and nothing changed, when it failed and each must run alone."""
    rows = sum([one.rows for one in group])
    try:
        if step.own:
            enter(step, group[0].case)
        given = {name: join([one.given[name] for one in group]) for name, _ in step.inputs}
        result: dict[str, Any] = step.function(given)
        # A step that says `batch` and gives another number of rows would give a caller another's answer.
        if any([result[output].shape[0] != rows for output, _ in step.outputs]):
            return False
    except BaseException:  # noqa: BLE001 - told by the request that fails again when it runs alone
        return False
    first = 0
    for one in group:
        last = first + one.rows
        step.put(one.case, {output: part(result[output], first, last) for output, _ in step.outputs})
        first = last
    return True
