"""How do rows of different sizes run together, and how does each request get its own back?

Pure. A step with `pad` takes arrays; what it is given are the rows of one request or of several. They are sorted
into buckets of one size (`batching.buckets`), filled up with zeros, run bucket by bucket, and taken apart again by the
same counts. What fails in a bucket of several requests is done again for each of them alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from longspan.base.errors import RequestError
from longspan.base.signatures import RAGGED, Signature
from longspan.serving.batching import Row, buckets, size, stack
from longspan.serving.rows import Rows, free, none_of
from longspan.wire.tensors import NUMPY, Tensor

if TYPE_CHECKING:
    from longspan.serving.step import Case, Clock, Step


class Run(NamedTuple):
    """One call of a padded step."""

    inputs: dict[str, Any]
    members: tuple[tuple[int, int], ...]
    """For each row: (which request, which of its rows)."""
    cells: int
    """Elements of the padded inputs."""
    padding: int
    """Those of them that are padding."""


class Padding:
    """What a padded step takes and gives, prepared."""

    __slots__ = ("_at", "_rows", "_shares", "_whole", "alike", "most_cells", "multiples", "name", "outputs")

    def __init__(
        self, name: str, signature: Signature, pad: dict[str, int], outputs: Sequence[str], *, shares: bool
    ) -> None:
        """`pad`: free dimension of the inputs -> multiple. `outputs`: those that are used, each with `batch` first.

        `shares`: may rows of several requests stand in one run?
        """
        self.name, self.multiples = name, tuple(pad.values())
        self.outputs = {output: signature.outputs[output] for output in outputs}
        self._rows = {input_: kind for input_, kind in signature.inputs.items() if kind.batched}
        self._whole = [input_ for input_ in signature.inputs if input_ not in self._rows]
        self._shares = shares and not self._whole
        self._at = {
            input_: [
                (n, index) for n, d in enumerate(kind.shape[1:]) for index, free in enumerate(pad) if _named(d, free)
            ]
            for input_, kind in self._rows.items()
        }
        """Input -> (dimension of its rows, which of `multiples`)."""
        self.alike = 0.0
        """Rows of one request that are of a size, on the mean of late; 0 before the first."""
        self.most_cells = 0
        """Elements of a run, unless a single row has more; 0: any number."""

    def count(self, given: dict[str, Any]) -> int:
        """Rows of one request."""
        return next((given[name].shape[0] for name in self._rows if given.get(name) is not None), 0)

    def runs(self, givens: Sequence[dict[str, Any]], limit: int) -> list[Run]:
        """All rows of all requests, `limit` at most in one run. Raises `RequestError` when inputs do not fit."""
        members = [(who, row) for who, given in enumerate(givens) for row in range(self.count(given))]
        there = [[name for name in self._rows if given.get(name) is not None] for given in givens]
        parts = [{name: _row(givens[who][name], row) for name in there[who]} for who, row in members]
        rows = [self._sorted(who, part) for (who, _), part in zip(members, parts, strict=True)]
        self._note(members, rows)
        found = []
        for bucket in buckets(rows, self.multiples, limit):
            first = parts[bucket.rows[0]]
            shapes = {name: self._filled(name, array.shape, bucket.sizes) for name, array in first.items()}
            cells = sum(prod(shapes[name]) for name in shapes if self._at[name])
            found += [self._run(some, shapes, members, parts, givens) for some in self._bounded(bucket.rows, cells)]
        return found

    def _note(self, members: Sequence[tuple[int, int]], rows: Sequence[Row]) -> None:
        if rows:
            sizes = {(who, size(row, self.multiples)) for (who, _), row in zip(members, rows, strict=True)}
            alike = len(rows) / len(sizes)
            self.alike = (3 * self.alike + alike) / 4 if self.alike else alike

    def _bounded(self, rows: tuple[int, ...], cells: int) -> list[tuple[int, ...]]:
        """`rows` of `cells` elements each, in runs of no more than `most_cells`."""
        size = max(1, self.most_cells // max(1, cells)) if self.most_cells else len(rows)
        return [rows[first : first + size] for first in range(0, len(rows), size)]

    def _run(
        self,
        chosen: tuple[int, ...],
        shapes: dict[str, tuple[int, ...]],
        members: Sequence[tuple[int, int]],
        parts: Sequence[dict[str, Tensor]],
        givens: Sequence[dict[str, Any]],
    ) -> Run:
        inputs: dict[str, Any] = {}
        cells = filled = 0
        for name in self._rows:
            arrays = [parts[row][name] for row in chosen] if name in shapes else None
            inputs[name] = None if arrays is None else stack(arrays, shapes[name])
            if arrays is not None and self._at[name]:
                cells += inputs[name].size
                filled += sum([array.size for array in arrays])
        whole = givens[members[chosen[0]][0]]
        inputs |= {name: whole.get(name) for name in self._whole}
        return Run(inputs, tuple([members[row] for row in chosen]), cells, cells - filled)

    def _sorted(self, who: int, part: dict[str, Tensor]) -> Row:
        """A row by its sizes, and by all else that must be alike."""
        sizes = [-1] * len(self.multiples)
        others = []
        for name, array in part.items():
            shape = list(array.shape)
            for dimension, index in self._at[name]:
                if sizes[index] not in {-1, shape[dimension]}:
                    problem = (
                        f"is {shape[dimension]} in a row of {name!r} and {sizes[index]} in the same row of another"
                    )
                    raise RequestError(500, f"step {self.name!r}: a dimension {problem}")
                sizes[index], shape[dimension] = shape[dimension], 0
            others.append((name, array.dtype.str, tuple(shape)))
        # A dimension that no input has is not there to be padded.
        return Row((0 if self._shares else who, tuple(others)), tuple([max(0, size) for size in sizes]))

    def _filled(self, name: str, shape: tuple[int, ...], sizes: tuple[int, ...]) -> tuple[int, ...]:
        filled = list(shape)
        for dimension, index in self._at[name]:
            filled[dimension] = sizes[index]
        return tuple(filled)


class Gathered:
    """What has come back, until every row is there."""

    __slots__ = ("_back", "_padding")

    def __init__(self, padding: Padding, counts: Sequence[int]) -> None:
        """`counts`: rows of each request."""
        self._padding = padding
        self._back: list[dict[str, list[Any]]] = [
            {name: [None] * count for name in padding.outputs} for count in counts
        ]

    def put(self, run: Run, result: dict[str, Any]) -> None:
        """What a run gave. Raises `RequestError` 500 when it is not one row for each that went in."""
        for name, tensor in self._padding.outputs.items():
            value = result.get(name)
            if value is None or not value.shape or value.shape[0] != len(run.members):
                came = "nothing" if value is None else f"shape {list(value.shape)}"
                text = f"step {self._padding.name!r} gives {name} {tensor}, a row for each; {len(run.members)} went in"
                raise RequestError(500, f"{text}, {came} came out")
            rows = value.arrays if isinstance(value, Rows) else value
            for (who, row), array in zip(run.members, rows, strict=True):
                self._back[who][name][row] = array

    def outputs(self, who: int) -> dict[str, Any]:
        """All of one request, in its order. Raises `RequestError` 500 when its rows do not make one array."""
        found: dict[str, Any] = {}
        for name, tensor in self._padding.outputs.items():
            rows = self._back[who][name]
            if not rows:
                found[name] = none_of(tensor, padded=True)
            elif free(tensor):
                found[name] = Rows(rows, NUMPY[tensor.dtype])
            else:
                found[name] = np.empty((len(rows), *np.shape(rows[0])), NUMPY[tensor.dtype])
                try:
                    found[name][:] = rows
                except ValueError:
                    text = f"step {self._padding.name!r} gives {name} {tensor}; rows of different sizes came out"
                    raise RequestError(500, text) from None
        return found


def alone(step: Step, given: dict[str, Any]) -> dict[str, Any]:
    """A padded step for one request. Raises what the step raises."""
    padding = step.padding
    assert padding is not None, "only a padded step runs this way"
    runs = padding.runs([given], step.rows_limit)
    back = Gathered(padding, [padding.count(given)])
    for run in runs:
        back.put(run, step.whole(run.inputs))
    step.padded(runs)
    step.batches += len(runs) - 1  # whoever called counts one
    return back.outputs(0)


def together(
    step: Step, cases: Sequence[Case], givens: Sequence[dict[str, Any]], clock: Clock, fail: Callable[..., None]
) -> None:
    """A padded step for several requests: each gets its outputs or its error. `fail(step, case, error)` sets it."""
    padding = step.padding
    assert padding is not None, "only a padded step runs this way"
    begun = clock()
    try:
        runs = padding.runs(givens, step.rows_limit)
    except RequestError as error:
        for case in cases:
            fail(step, case, error)
        return
    back = Gathered(padding, [padding.count(given) for given in givens])
    for run in runs:
        _run(step, run, cases, back, fail)
    for who, case in enumerate(cases):
        if case.error is None:
            try:
                step.put(case, back.outputs(who))
            except RequestError as error:
                fail(step, case, error)
    step.padded(runs)
    step.nanoseconds += clock() - begun
    step.count += len(cases)
    step.batches += len(runs)
    step.rows += sum([len(run.members) for run in runs])


def _run(step: Step, run: Run, cases: Sequence[Case], back: Gathered, fail: Callable[..., None]) -> None:
    """One run, without those that have failed in an earlier one."""
    whose = {who for who, _ in run.members}
    live = {who for who in whose if cases[who].error is None}
    if not live:
        return
    if len(live) < len(whose):
        run = only(run, live)
    try:
        back.put(run, step.whole(run.inputs))
    except BaseException as error:  # noqa: BLE001 - code of the user; even SystemExit fails these requests alone
        if len(live) == 1:
            fail(step, cases[live.pop()], error)
            return
        for who in sorted(live):
            _run(step, only(run, {who}), cases, back, fail)


def only(run: Run, whose: set[int]) -> Run:
    """Those rows of a run that are of these requests."""
    kept = [index for index, (who, _) in enumerate(run.members) if who in whose]
    inputs = {name: None if array is None else array[kept] for name, array in run.inputs.items()}
    return run._replace(inputs=inputs, members=tuple([run.members[index] for index in kept]))


def _named(dimension: int | str, name: str) -> bool:
    return isinstance(dimension, str) and dimension.removeprefix(RAGGED) == name.removeprefix(RAGGED)


def _row(value: Any, row: int) -> Tensor:
    """One row of an array or of `Rows`; of a vector it is a scalar, which is made an array again."""
    taken = value.arrays[row] if isinstance(value, Rows) else value[row]
    return taken if isinstance(taken, np.ndarray) else _scalar(value, taken)


def _scalar(value: Any, taken: Any) -> Tensor:
    array = np.empty((), value.dtype)
    array[()] = taken
    return array
