"""One step of a graph, prepared: what it calls, where its inputs come from, where its outputs go; what it has done.

Pure. `graph` runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from longspan.base.errors import RequestError
from longspan.base.signatures import Signature, TensorType
from longspan.serving import fan
from longspan.serving.order import PLAIN, Facts, condition
from longspan.serving.padding import Padding, Run
from longspan.serving.rows import Rows
from longspan.serving.runtimes import Runnable
from longspan.wire.tensors import Tensor, TensorError, bind

Clock = Callable[[], int]
"""Nanoseconds, never going back."""


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
    def done(self) -> bool:
        """Does nobody wait for it any more?"""

    @property
    def rows(self) -> int: ...
    @property
    def request_id(self) -> str: ...


class Fit(Protocol):
    """A check of what one step gives to another; see `fits`."""

    def __call__(self, value: Any) -> None:
        """Raises `RequestError` 500 that names the step that gave it."""


class Trail:
    """Where steps that follow each other in one thread tell which of them runs: ``words[at] = place`` (`noted`)."""

    __slots__ = ("at", "words")

    def __init__(self, words: memoryview[int], at: int) -> None:
        self.words, self.at = words, at


class Step:
    """See above. The counters are those of `wire.load`."""

    __slots__ = (
        "_special", "batched", "batches", "call", "cells", "checks", "clients", "count", "counted", "direct", "errors",
        "final", "fits", "function", "guarded", "inputs", "name", "nanoseconds", "optional", "outputs", "own",
        "padding", "place", "required", "rows", "rows_limit", "settled", "skippable", "skipped", "times", "trail",
        "types", "waiting", "waste", "when", "whole",
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
        when: str = "",
        facts: Facts = PLAIN,
        pad: dict[str, int] | None = None,
        fits: Sequence[tuple[str, Fit]] = (),
    ) -> None:
        """`inputs`: input -> where it comes from. `outputs`: names that others use.

        `first`: the first of its chain. `final`: the last, and all that it gives is the answer, name by name; then it
        goes to the case's `outputs`, else to its `values`. `own`: a Python step. `repeatable`: running it twice does
        no harm. `when`, `pad`: as in `StepWork`. `fits`: key of a value -> what it must be. `rows_limit` stays 1
        until a measured curve allows more.
        """
        signature = runnable.signature
        self.name, self.whole, self.call, self.own = name, runnable.function, runnable.call, own
        self.inputs = tuple(inputs.items())
        self.outputs = tuple((output, f"{name}.{output}") for output in outputs)
        self.types = signature.outputs
        self.padding = Padding(name, signature, pad, outputs, shares=repeatable) if pad else None
        self.function = partial(fan.alone, self) if self.padding and self.call == "sync" else self.whole
        """What takes a request's inputs; `whole` is what a padded step calls for each of its runs."""
        self.batched = repeatable and self.call == "sync" and signature.batched and not pad
        self.final = final
        self.rows_limit = 1
        self.count = self.nanoseconds = self.rows = self.batches = self.errors = 0
        """Of shared runs; `errors` of any, and `rows` those beyond one of any."""
        self.skipped = self.cells = self.waste = 0
        self.settled = 0
        """Runs for one request that have been counted, see `settle`."""
        self.times: list[int] = []
        """Nanoseconds of each run for one request since then: one append, where four additions would cost more."""
        self.optional = signature.optional
        self.checks, self.fits = _shared_dimensions(signature, inputs), fits
        names = all(name == source for name, source in self.inputs)
        self.direct = first and not self.checks and not self.optional and names
        """Are the service's inputs, just as they are, the step's?"""
        self.clients = not any("." in source for source in inputs.values())
        """Do all inputs come straight from the client? Then a wrong shape is the client's."""
        self.when, self.skippable, self.counted = condition(when), facts.skippable, facts.counted
        self.required = tuple(source for input_, source in self.inputs if input_ not in self.optional)
        self.guarded = self._special = own or facts.skippable or bool(facts.counted)
        """Is there something to settle before each run, or may the request have been given up meanwhile?"""
        self.trail: Trail | None = None
        """Where it tells that it runs, should the process die of it, and as what. Its lane sets them."""
        self.place = 0
        self.waiting = 0
        """Requests that wait for it now, or that are where it runs."""

    def watch(self, on: bool) -> None:
        """Look before each run whether the request has been given up meanwhile?"""
        self.guarded = on or self._special

    @property
    def shares(self) -> bool:
        """May it run for several requests at once, or for several rows of one?"""
        return self.batched or self.padding is not None

    @property
    def requests(self) -> int:
        """How many it has run for."""
        return self.count + self.settled + len(self.times)

    @property
    def rows_each(self) -> float:
        """Rows of a request, on the mean; 0 before the first."""
        requests = self.requests
        return (self.rows + self.settled + len(self.times)) / requests if requests else 0.0

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

    def padded(self, runs: Sequence[Run]) -> None:
        """Count what these took."""
        assert self.padding is not None, "only a padded step has such runs"
        for run in runs:
            cells, waste = run.cells(self.padding.padded)
            self.cells += cells
            self.waste += waste

    def given(self, values: dict[str, Tensor]) -> dict[str, Any]:
        """The step's inputs; None for an optional one that is not there.

        Raises `RequestError` when dimensions of one name have different sizes, or a step gave what it must not.
        """
        for source, fit in self.fits:
            fit(values[source])
        if self.checks:
            self._check(values)
        if self.optional:
            return {name: values.get(source) for name, source in self.inputs}
        return {name: values[source] for name, source in self.inputs}

    def _check(self, values: dict[str, Any]) -> None:
        sizes: dict[str, int] = {}
        try:
            for name, source, tensor in self.checks:
                value = values.get(source)
                if value is None:
                    continue
                shape = value.shape
                if isinstance(value, Rows) or 0 in shape[:1]:  # the other sizes are each row's own, or nobody's
                    tensor, shape = TensorType(tensor.dtype, tensor.shape[:1]), shape[:1]  # noqa: PLW2901
                bind(name, tensor, shape, sizes, least=0, rows=0)
        except TensorError as error:
            raise RequestError(400 if self.clients else 500, f"step {self.name!r}: {error}") from error

    def put(self, case: Case, result: dict[str, Any]) -> None:
        """What it gave belongs to this case."""
        if self.final:
            case.outputs = result
        else:
            for output, key in self.outputs:
                case.values[key] = result[output]


def _shared_dimensions(signature: Signature, inputs: dict[str, str]) -> tuple[tuple[str, str, TensorType], ...]:
    """Those inputs that have a named dimension in common: only they can disagree."""
    holders: dict[str, set[str]] = {}
    for name, tensor in signature.inputs.items():
        for dimension in tensor.shape:
            if isinstance(dimension, str):
                holders.setdefault(dimension, set()).add(name)
    common = {name for names in holders.values() if len(names) > 1 for name in names}
    return tuple(
        (name, inputs[name], tensor) for name, tensor in signature.inputs.items() if name in common and name in inputs
    )
