"""How do the steps of a chain run, for one request or for several at once?

Pure: values and a clock come from the caller. Steps are plain calls, in the order of the file. A step
whose inputs and outputs all have `batch` first, and which may run twice without harm, runs once for all requests
that are alike; any other runs once per request. Whatever fails in one request fails that one only: a shared run
that fails is done again for each alone.

Values stand in a dict per request: a service input under its name, a step's output under ``step.output``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

import numpy as np

from longspan.base.errors import RequestError
from longspan.base.signatures import TensorType
from longspan.serving.batching import cut
from longspan.serving.runtimes import Runnable, request_id
from longspan.wire.tensors import Tensor, TensorError, bind

Clock = Callable[[], int]
"""Nanoseconds, never going back."""

step_name: ContextVar[str] = ContextVar("longspan_step_name", default="")
"""Name of the Python step that is running, for its log records."""


class Case(Protocol):
    """One request, as far as its steps are concerned."""

    values: dict[str, Tensor]
    outputs: dict[str, Tensor]
    """What a final step has given (see `Step`)."""
    error: BaseException | None
    """Set when a step failed; no later step runs then. A `RequestError` is meant for the client as it is."""
    failed_at: str
    """Name of that step."""

    @property
    def rows(self) -> int: ...
    @property
    def request_id(self) -> str: ...


class Step:
    """One step, prepared: what it calls, where its inputs come from, where its outputs go; and what it has done."""

    __slots__ = (
        "batched", "batches", "call", "checks", "clients", "count", "direct", "errors", "final", "function", "inputs",
        "name", "nanoseconds", "outputs", "own", "rows", "rows_limit", "settled", "times",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        runnable: Runnable,
        inputs: dict[str, str],
        outputs: Sequence[str],
        *,
        first: bool,
        final: bool,
        own: bool,
        repeatable: bool,
    ) -> None:
        """`inputs`: input -> where it comes from. `outputs`: names that others use.

        `first`: the first of its chain. `final`: the last, and all that it gives is the answer, name by name; then it
        goes to the case's `outputs`, else to its `values`. `own`: a Python step. `repeatable`: running it twice does
        no harm. `rows_limit` stays 1 until a measured curve allows more. The counters are those of `wire.load`.
        """
        self.name, self.function, self.call, self.own = name, runnable.function, runnable.call, own
        self.inputs = tuple(inputs.items())
        self.outputs = tuple((output, f"{name}.{output}") for output in outputs)
        self.batched = repeatable and runnable.call == "sync" and runnable.signature.batched
        self.final = final
        self.rows_limit = 1
        self.count = self.nanoseconds = self.rows = self.batches = self.errors = 0
        """Of shared runs; `errors` of any, and `rows` those beyond one of any."""
        self.settled = 0
        """Runs for one request that have been counted, see `settle`."""
        self.times: list[int] = []
        """Nanoseconds of each run for one request since then: one append, where four additions would cost more."""
        self.checks = _shared_dimensions(runnable.signature.inputs, inputs)
        self.direct = first and not self.checks and all(name == source for name, source in self.inputs)
        """Are the service's inputs, just as they are, the step's?"""
        self.clients = not any("." in source for source in inputs.values())
        """Do all inputs come straight from the client? Then a wrong shape is the client's."""

    @property
    def runs(self) -> int:
        """How often it has run, shared or not."""
        return self.batches + self.settled + len(self.times)

    def settle(self) -> tuple[int, int]:
        """Take what `times` holds: (how many runs, their nanoseconds). Another thread may append meanwhile."""
        times = self.times
        count = len(times)
        nanoseconds = sum(times[:count])
        self.settled += count
        del times[:count]
        return count, nanoseconds

    def given(self, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """The step's inputs. Raises `RequestError` when dimensions of one name have different sizes."""
        if self.checks:
            sizes: dict[str, int] = {}
            try:
                for name, source, tensor in self.checks:
                    bind(name, tensor, values[source].shape, sizes)
            except TensorError as error:
                raise RequestError(400 if self.clients else 500, f"step {self.name!r}: {error}") from error
        return {name: values[source] for name, source in self.inputs}


def _shared_dimensions(types: dict[str, TensorType], inputs: dict[str, str]) -> tuple[tuple[str, str, TensorType], ...]:
    """Those inputs that have a named dimension in common: only they can disagree."""
    holders: dict[str, set[str]] = {}
    for name, tensor in types.items():
        for dimension in tensor.shape:
            if isinstance(dimension, str):
                holders.setdefault(dimension, set()).add(name)
    shared = {name for names in holders.values() if len(names) > 1 for name in names}
    return tuple((name, inputs[name], tensor) for name, tensor in types.items() if name in shared and name in inputs)


def run(steps: Sequence[Step], cases: Sequence[Case], clock: Clock) -> int:
    """Take `cases` through `steps`. Afterwards each holds its outputs or its `error`; nothing is raised.

    Returns the nanoseconds that it took.
    """
    if len(cases) == 1:
        return alone(steps, cases[0], clock)
    begun = clock()
    for step in steps:
        if step.batched:
            _together(step, cases, clock)
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
            if step.own:
                enter(step, case)
            result = step.function(values if step.direct else step.given(values))
            if step.final:
                case.outputs = result
            else:
                for output, key in step.outputs:
                    values[key] = result[output]
        except BaseException as error:  # noqa: BLE001 - code of the user; even SystemExit fails this request alone
            case.error, case.failed_at = error, step.name
            step.errors += 1
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


class _Part:
    """A case at the door of a batched step."""

    __slots__ = ("alike", "case", "given", "rows")

    def __init__(self, case: Case, given: dict[str, Tensor]) -> None:
        self.case, self.given = case, given
        arrays = tuple(given.values())
        self.rows: int = arrays[0].shape[0]
        self.alike = tuple([(array.dtype, array.shape[1:]) for array in arrays])


def _together(step: Step, cases: Sequence[Case], clock: Clock) -> None:
    waiting: list[_Part] = []
    for case in cases:
        try:
            waiting.append(_Part(case, step.given(case.values)))
        except RequestError as error:
            case.error, case.failed_at = error, step.name
            step.errors += 1
    while waiting:
        group, waiting = cut(waiting, step.rows_limit)
        begun = clock()
        if len(group) > 1 and _shared(step, group):
            step.nanoseconds += clock() - begun
            step.count += len(group)
            step.rows += sum([part.rows for part in group])
            step.batches += 1
        else:
            for part in group:
                alone((step,), part.case, clock)


def _shared(step: Step, group: Sequence[_Part]) -> bool:
    """One run for all of `group`; False, and nothing changed, when it failed and each must run alone."""
    rows = sum([part.rows for part in group])
    try:
        if step.own:
            enter(step, group[0].case)
        given = {name: np.concatenate([part.given[name] for part in group]) for name, _ in step.inputs}
        result: dict[str, Any] = step.function(given)
        # A step that says `batch` and gives another number of rows would give a caller another's answer.
        if any(result[output].shape[0] != rows for output, _ in step.outputs):
            return False
    except BaseException:  # noqa: BLE001 - told by the request that fails again when it runs alone
        return False
    first = 0
    for part in group:
        case, last = part.case, first + part.rows
        if step.final:
            case.outputs = {output: result[output][first:last] for output, _ in step.outputs}
        else:
            for output, key in step.outputs:
                case.values[key] = result[output][first:last]
        first = last
    return True
