"""How does a step with `pad` run, for one request or for several?

Pure. The rows of all requests run together, bucket by bucket (`padding`). What fails in a bucket of several requests is
done again for each of them alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from longspan.serving.padding import Gathered, Run

if TYPE_CHECKING:
    from longspan.serving.step import Case, Clock, Step

ForOne = Callable[["Step", "Case"], None]


def alone(step: Step, given: dict[str, Any]) -> dict[str, Any]:
    """A padded step for one request. Raises what the step raises."""
    padding = step.padding
    assert padding is not None, "only a padded step runs this way"
    runs = padding.runs([given], step.rows_limit)
    back = Gathered(padding, [padding.count(given)])
    for run in runs:
        back.put(run, step.whole(run.inputs()))
    step.padded(runs)
    step.batches += len(runs) - 1  # whoever called counts one
    return back.outputs(0)


def together(
    step: Step,
    waiting: Sequence[tuple[Case, dict[str, Any]]],
    clock: Clock,
    enter: ForOne,
    fail: Callable[[Step, Case, BaseException], None],
) -> None:
    """A padded step for several requests, each with its inputs: each gets its outputs or its error.

    `enter` says for whom code of the user runs, `fail` sets the error.
    """
    padding = step.padding
    assert padding is not None, "only a padded step runs this way"
    begun = clock()
    try:
        runs = padding.runs([given for _, given in waiting], step.rows_limit)
    except Exception as error:  # noqa: BLE001 - such as sizes that do not fit, or a model that gave another rank
        for one in waiting:
            if len(waiting) == 1:
                fail(step, one[0], error)
            else:
                together(step, [one], clock, enter, fail)
        return
    cases = [case for case, _ in waiting]
    back = Gathered(padding, [padding.count(given) for _, given in waiting])
    for run in runs:
        _call(step, run, cases, back, enter, fail)
    for who, case in enumerate(cases):
        if case.error is None:
            try:
                step.put(case, back.outputs(who))
            except Exception as error:  # noqa: BLE001 - such as rows that do not make one array
                fail(step, case, error)
    step.padded(runs)
    step.nanoseconds += clock() - begun
    step.count += len(cases)
    step.batches += len(runs)
    step.rows += sum([len(run.members) for run in runs])


def _call(
    step: Step,
    run: Run,
    cases: Sequence[Case],
    back: Gathered,
    enter: ForOne,
    fail: Callable[[Step, Case, BaseException], None],
) -> None:
    """One run, without those that have failed in an earlier one."""
    whose = {who for who, _ in run.members}
    live = {who for who in whose if cases[who].error is None}
    if not live:
        return
    if len(live) < len(whose):
        run = run.of(live)
    try:
        if step.own:
            enter(step, cases[min(live)])
        back.put(run, step.whole(run.inputs()))
    except BaseException as error:  # noqa: BLE001 - code of the user; even SystemExit fails these requests alone
        if len(live) == 1:
            fail(step, cases[live.pop()], error)
            return
        for who in sorted(live):
            _call(step, run.of({who}), cases, back, enter, fail)
