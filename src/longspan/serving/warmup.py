"""How long does a model take, for one row and for several?

Measured with zeros before the worker listens: onnxruntime allocates and chooses its kernels at the first run of a
shape, and no client should wait for that. The curve tells `batching` how large a run may be, the slowest of the
single runs tells `pace` where the model belongs. Step code is never called for this: it may have effects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from longspan.base.dtypes import BY_OIP
from longspan.base.errors import LongspanError
from longspan.base.signatures import BATCH, TensorType
from longspan.serving.runtimes import Runnable

SINGLE_RUNS = 32
RUNS_PER_SIZE = 3
MOST_ROWS = 64
BUDGET = 300_000_000
"""Nanoseconds. No further batch size is tried once this much has been spent; the first run is always made."""
FREE_SIZES = (16, 64, 224, 1)
"""Tried for free dimensions that are not `batch`, until one of them runs: nobody knows what they mean."""
MULTIPLES = 8
"""Of what a dimension is padded to (`pad`), as a guess at how large it is as a rule: a line of text is 256 wide."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found."""

    curve: tuple[tuple[int, int], ...]
    """(rows, nanoseconds of the median run), rising; empty when zeros could not be run."""
    slowest: int
    """Nanoseconds of the slowest single run but one, after the first."""
    problem: str = ""
    """Why zeros could not be run; the model may still serve real inputs."""
    cells: int = 0
    """Elements of one row of the padded inputs that were run; 0 when nothing is padded."""


def measure(model: Runnable, clock: Callable[[], int], pad: Mapping[str, int] = MappingProxyType({})) -> Measured:
    """Run the model on zeros, rows 1, 2, 4, ... `pad`: free dimension -> what it is padded to a multiple of.

    Raises `LongspanError` when a model of fixed shape cannot run.
    """
    signature = model.signature
    free = {d for tensor in signature.inputs.values() for d in tensor.shape if isinstance(d, str) and d != BATCH}
    begun = clock()
    guessed = {dimension: MULTIPLES * multiple for dimension, multiple in pad.items() if dimension in free}
    sizes, problem = _first_run(model, free, guessed)
    if sizes is None:
        if not free and all(tensor.dtype != "BYTES" for tensor in signature.inputs.values()):
            raise LongspanError(
                problem, at=f"model {model.name}", remedy="It cannot run even on zeros: export it again"
            )
        return Measured((), 1 << 62, problem)
    inputs = _zeros(signature.inputs, 1, sizes)
    times = []
    for _ in range(SINGLE_RUNS):
        times.append(_time(model, inputs, clock))
        if clock() - begun > BUDGET // 3:
            break
    times.sort()
    curve = [(1, times[len(times) // 2])]
    rows = 2
    while signature.batched and rows <= MOST_ROWS and clock() - begun < BUDGET:
        inputs = _zeros(signature.inputs, rows, sizes)
        _time(model, inputs, clock)
        took = sorted(_time(model, inputs, clock) for _ in range(RUNS_PER_SIZE))[RUNS_PER_SIZE // 2]
        curve.append((rows, took))
        rows *= 2
    padded = [name for name, tensor in signature.inputs.items() if any(d in guessed for d in tensor.shape)]
    cells = sum(_zeros(signature.inputs, 1, sizes)[name].size for name in padded)
    # One run among the 32 may have met a busy machine.
    return Measured(tuple(curve), times[-2] if len(times) > 1 else times[0], cells=cells)


def _first_run(model: Runnable, free: set[str], guessed: dict[str, int]) -> tuple[dict[str, int] | None, str]:
    """(what each free dimension is when zeros run, "") or (None, why they do not)."""
    problem = ""
    guesses = [dict.fromkeys(free, size) for size in (FREE_SIZES if free else (1,))]
    for sizes in [guess | guessed for guess in guesses if guessed] + guesses:
        try:
            model.function(_zeros(model.signature.inputs, 1, sizes))
        except Exception as error:  # noqa: BLE001 - zeros of a guessed size; the caller decides what it means
            problem = problem or str(error)
        else:
            return sizes, ""
    return None, problem


def _zeros(inputs: dict[str, TensorType], rows: int, sizes: Mapping[str, int]) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for name, tensor in inputs.items():
        shape = [rows if d == BATCH else sizes[d] if isinstance(d, str) else d for d in tensor.shape]
        if tensor.dtype == "BYTES":
            arrays[name] = np.full(shape, b"", object)
        else:
            arrays[name] = np.zeros(shape, BY_OIP[tensor.dtype].numpy)
    return arrays


def _time(model: Runnable, inputs: dict[str, Any], clock: Callable[[], int]) -> int:
    begun = clock()
    model.function(inputs)
    return clock() - begun
