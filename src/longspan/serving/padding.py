"""What does a step with `pad` make of rows, and how does it give them back?

Pure. Rows are sorted into buckets of one size (`batching.buckets`), filled up with zeros, and taken apart again by the
same pair that they were put in by: which request, which of its rows. `fan` runs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from longspan.base.errors import RequestError
from longspan.base.signatures import RAGGED, Signature
from longspan.serving.batching import Row, buckets, size, stack
from longspan.serving.rows import Rows, free, none_of
from longspan.wire.tensors import NUMPY, Tensor


class Run:
    """One call of a padded step. Its arrays are made when it is called: those of all calls would take much memory."""

    __slots__ = ("_rows", "_shapes", "_whole", "members")

    def __init__(
        self,
        members: Sequence[tuple[int, int]],
        rows: Sequence[dict[str, Tensor]],
        shapes: dict[str, tuple[int, ...]],
        whole: dict[str, Any],
    ) -> None:
        """`members`: for each row (which request, which of its rows). `shapes`: of a row, filled up, by input.

        `whole`: inputs that are not made of rows, or not there.
        """
        self.members = members
        self._rows, self._shapes, self._whole = rows, shapes, whole

    def inputs(self) -> dict[str, Any]:
        """What the step is called with."""
        rows = self._rows
        return self._whole | {name: stack([row[name] for row in rows], shape) for name, shape in self._shapes.items()}

    def cells(self, padded: Sequence[str]) -> tuple[int, int]:
        """(elements of these inputs, those of them that are padding)."""
        names = [name for name in padded if name in self._shapes]
        cells = len(self._rows) * sum([prod(self._shapes[name]) for name in names])
        return cells, cells - sum([row[name].size for row in self._rows for name in names])

    def of(self, whose: set[int]) -> Run:
        """Those rows that are of these requests."""
        kept = [index for index, (who, _) in enumerate(self.members) if who in whose]
        return Run([self.members[n] for n in kept], [self._rows[n] for n in kept], self._shapes, self._whole)


class Padding:
    """What a padded step takes and gives, prepared."""

    __slots__ = ("_at", "_rows", "_shares", "_whole", "alike", "most_cells", "multiples", "name", "outputs", "padded")

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
            key: [(n, index) for n, d in enumerate(kind.shape[1:]) for index, one in enumerate(pad) if _named(d, one)]
            for key, kind in self._rows.items()
        }
        """Input -> (dimension of its rows, which of `multiples`)."""
        self.padded = tuple(input_ for input_, at in self._at.items() if at)
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
            who, first = members[bucket.rows[0]][0], parts[bucket.rows[0]]
            shapes = {name: self._filled(name, array.shape, bucket.sizes) for name, array in first.items()}
            whole = {name: givens[who].get(name) for name in (*self._rows, *self._whole) if name not in shapes}
            cells = sum([prod(shapes[name]) for name in self.padded if name in shapes])
            found += [
                Run([members[row] for row in some], [parts[row] for row in some], shapes, whole)
                for some in self._bounded(bucket.rows, cells)
            ]
        return found

    def _note(self, members: Sequence[tuple[int, int]], rows: Sequence[Row]) -> None:
        if rows:
            sizes = {(who, size(row, self.multiples)) for (who, _), row in zip(members, rows, strict=True)}
            alike = len(rows) / len(sizes)
            self.alike = (3 * self.alike + alike) / 4 if self.alike else alike

    def _bounded(self, rows: tuple[int, ...], cells: int) -> list[tuple[int, ...]]:
        """`rows` of `cells` elements each, in runs of no more than `most_cells`."""
        most = max(1, self.most_cells // max(1, cells)) if self.most_cells else len(rows)
        return [rows[first : first + most] for first in range(0, len(rows), most)]

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
