"""How do the steps of a graph run, for one request or for several at once?

Pure: values and a clock come from the caller. Steps are plain calls, in an order in which they can run (`order`
says which of them might run at the same time). A step whose inputs and outputs all have `batch` first, and which may
run twice without harm, runs once for all requests that are alike (`shared`); one with `pad` once for all rows of a
size (`fan`); any other once per request. Whatever fails in one request fails that one only.

Values stand in a dict per request: a service input under its name, a step's output under ``step.output``. A value is
an array, `Rows`, or None: the step that gives it was not run.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

from longspan.serving import fan, shared
from longspan.serving.rows import none_of
from longspan.serving.runtimes import request_id
from longspan.serving.step import Case, Clock, Step

__all__ = ["Case", "Left", "Step", "alone", "enter", "fail", "run", "step_name", "wanted"]

step_name: ContextVar[str] = ContextVar("longspan_step_name", default="")
"""Name of the Python step that is running, for its log records."""


class Left(Exception):
    """Nobody waits for this request any more, so its next step was not begun."""


def run(steps: Sequence[Step], cases: Sequence[Case], clock: Clock) -> int:
    """Take `cases` through `steps`. Afterwards each holds its outputs or its `error`; nothing is raised.

    Returns the nanoseconds that it took.
    """
    if len(cases) == 1:
        return alone(steps, cases[0], clock)

    def again(step: Step, case: Case) -> None:
        alone((step,), case, clock)

    begun = clock()
    for step in steps:
        trail = step.trail
        if trail is not None:
            trail.words[trail.at] = step.place
        if step.batched:
            parts = [shared.Part(case, given) for case, given in _ready(step, cases)]
            shared.together(step, parts, clock, again, enter)
        elif step.padding is not None:
            if ready := _ready(step, cases):
                fan.together(step, ready, clock, enter, fail)
        else:
            for case in cases:
                alone((step,), case, clock)
        cases = [case for case in cases if case.error is None]
        if not cases:
            break
    return clock() - begun


def alone(steps: Sequence[Step], case: Case, clock: Clock) -> int:
    """The same for one case, without a detour: most requests come this way."""
    begun = now = clock()
    values = case.values
    for step in steps:
        then = now
        try:
            if step.guarded and not _admitted(step, case):
                if case.error is not None:
                    break
                continue
            trail = step.trail
            if trail is not None:
                trail.words[trail.at] = step.place
            result = step.function(values if step.direct else step.given(values))
            if step.final:
                case.outputs = result
            else:
                for output, key in step.outputs:
                    values[key] = result[output]
        except BaseException as error:  # noqa: BLE001 - code of the user; even SystemExit fails this request alone
            fail(step, case, error)
            step.times.append(clock() - then)
            break
        now = clock()
        step.times.append(now - then)
        if case.rows != 1:
            step.rows += case.rows - 1
    return now - begun


def enter(step: Step, case: Case) -> None:
    """Say in context variables for whom and in what step code of the user runs."""
    request_id.set(case.request_id)
    step_name.set(step.name)


def fail(step: Step, case: Case, error: BaseException) -> None:
    """The step has failed for this case; the first error is the one that is told."""
    step.errors += 1
    if case.error is None:
        case.error, case.failed_at = error, step.name


def wanted(step: Step, case: Case) -> bool:
    """Is there anything to do? If not, what the step would have given is None, or has no rows."""
    values: dict[str, Any] = case.values
    if case.done:
        case.error, case.failed_at = Left(), step.name
        return False
    if step.skippable and _skips(step, values):
        step.skipped += 1
        step.put(case, {output: None for output, _ in step.outputs})
        return False
    if step.counted and not rows_of(step, case) and all(step.types[output].batched for output, _ in step.outputs):
        padded = step.padding is not None
        step.put(case, {output: none_of(step.types[output], padded=padded) for output, _ in step.outputs})
        return False
    return True


def rows_of(step: Step, case: Case) -> int:
    """How many rows it runs for."""
    value = case.values.get(step.counted) if step.counted else None
    return case.rows if value is None else value.shape[0]


def _skips(step: Step, values: dict[str, Any]) -> bool:
    source, must = step.when
    if source:
        value = values.get(source)
        if value is None or bool(value.flat[0]) is not must:
            return True
    return any([values.get(source) is None for source in step.required])


def _admitted(step: Step, case: Case) -> bool:
    """`wanted`, and then whatever must be settled before it runs."""
    if (case.done or step.skippable or step.counted) and not wanted(step, case):
        return False
    if step.own:
        enter(step, case)
    if step.counted:
        step.rows += rows_of(step, case) - case.rows
    return True


def _ready(step: Step, cases: Sequence[Case]) -> list[tuple[Case, dict[str, Any]]]:
    """Those that have something to do here, each with its inputs."""
    found = []
    for case in cases:
        try:
            if not step.guarded or wanted(step, case):
                found.append((case, step.given(case.values)))
        except Exception as error:  # noqa: BLE001 - such as a shape that does not fit
            fail(step, case, error)
    return found
