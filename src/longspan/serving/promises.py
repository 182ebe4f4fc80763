"""Did a step give what the next one takes, and no more rows than it may?

Pure. Most shapes are proved before anything runs; what is left is looked at request by request: a free dimension
that goes where a number is wanted, and a model that gives another shape than its file says. Both are faults of the step
that gave it, not of the client, and are told by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from longspan.base.errors import RequestError
from longspan.base.signatures import TensorType
from longspan.serving.rows import Rows
from longspan.serving.runtimes import Runnable
from longspan.serving.step import Fit
from longspan.wire.orders import StepWork


def fits(taker: StepWork, steps: Sequence[StepWork]) -> list[tuple[str, Fit]]:
    """What must be looked at of what `taker` is given: (key of the value, its check)."""
    by_name = {step.name: step for step in steps}
    found: list[tuple[str, Fit]] = []
    for name, source in taker.inputs.items():
        giver_name, _, output = source.partition(".")
        giver = by_name.get(giver_name) if output else None
        if giver is None or name not in taker.signature.inputs:
            continue
        wanted, given = taker.signature.inputs[name], giver.signature.outputs[output]
        if _may_differ(given, wanted, ours=bool(giver.run or giver.unit)):
            found.append((source, _fit(giver_name, output, taker.name, wanted)))
    return found


def _may_differ(given: TensorType, wanted: TensorType, *, ours: bool) -> bool:
    """`ours`: has the giver's output been looked at already? A Python step's and a remote one's has."""
    if len(given.shape) != len(wanted.shape):
        return True
    return any(
        isinstance(there, int) and (not ours or here != there)
        for here, there in zip(given.shape, wanted.shape, strict=True)
    )


def _fit(giver: str, output: str, taker: str, wanted: TensorType) -> Fit:
    fixed = [(index, size) for index, size in enumerate(wanted.shape) if isinstance(size, int)]
    rank = len(wanted.shape)

    def fit(value: Any) -> None:
        if value is None:
            return
        ragged = isinstance(value, Rows)
        shapes = [(len(value.arrays), *row.shape) for row in value.arrays] if ragged else [value.shape]
        for shape in shapes:
            if len(shape) != rank or any([shape[index] != size for index, size in fixed if shape[0] or not index]):
                came = f"step {giver!r} gave {output} of shape {list(shape)}"
                raise RequestError(500, f"{came}; step {taker!r} takes {wanted}")

    return fit


def bounded(runnable: Runnable, limit: int) -> Runnable:
    """A step that makes rows of what has none, refusing to have made more than `limit` of one request.

    It then raises `RequestError` 413, before anything is run on them.
    """
    rows = [name for name, tensor in runnable.signature.outputs.items() if tensor.batched]

    def look(result: dict[str, Any]) -> dict[str, Any]:
        for name in rows:
            value = result.get(name)
            if value is not None and value.shape and value.shape[0] > limit:
                made = f"step {runnable.name!r} makes {value.shape[0]} rows of this request"
                raise RequestError(413, f"{made}; limits: fan_out allows {limit}")
        return result

    def function(inputs: dict[str, Any]) -> Any:
        return look(runnable.function(inputs))

    async def awaited(inputs: dict[str, Any]) -> Any:
        return look(await runnable.function(inputs))

    return replace(runnable, function=awaited if runnable.call == "async" else function)


def row_for_row(runnable: Runnable) -> Runnable:
    """A model that says `batch` of all it takes and gives, refusing to have given another number of rows than it got.

    It then raises `RequestError` 500. Otherwise the rows would be held against those of other steps, and it would be a
    later one that is named.
    """
    outputs = tuple(runnable.signature.outputs)

    def function(inputs: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = runnable.function(inputs)
        rows = next((value.shape[0] for value in inputs.values() if value is not None), 0)
        for name in outputs:
            shape = result[name].shape
            if not shape or shape[0] != rows:
                came = f"gave {name} of shape {list(shape)} for {rows} row{'' if rows == 1 else 's'}"
                raise RequestError(500, f"step {runnable.name!r} {came}")
        return result

    return replace(runnable, function=function)
