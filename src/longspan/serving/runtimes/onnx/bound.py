"""The short way of one row: through memory that stays bound to the session.

`run` looks up names, wraps the inputs and allocates the outputs anew for every call, which is a third of the time of a
tiny model. Bound memory is filled in place and copied from, so it serves one caller at a time: whoever finds it taken,
or brings another number of rows, goes the ordinary way.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from threading import Lock
from typing import Any

import numpy as np
import onnxruntime

from longspan.base.dtypes import BY_OIP
from longspan.base.signatures import Signature, TensorType
from longspan.wire.tensors import Tensor

MOST_BYTES = 64 << 10
"""Of all inputs and outputs. Beyond it a model's own time is what counts."""

Run = Callable[[dict[str, Tensor]], dict[str, Tensor]]


def bind(session: onnxruntime.InferenceSession, signature: Signature, options: Any, ordinary: Run) -> Run:
    """`ordinary`, with a short way for one row where the model is of that kind.

    That is: rows of numbers of fixed size in and out, and not too many of them. What fails on the short way is run
    again on the ordinary one, which knows what to say.
    """
    inputs = {name: _row(tensor) for name, tensor in signature.inputs.items()}
    outputs = {name: _row(tensor) for name, tensor in signature.outputs.items()}
    arrays = [array for array in (*inputs.values(), *outputs.values()) if array is not None]
    if len(arrays) < len(inputs) + len(outputs) or sum(array.nbytes for array in arrays) > MOST_BYTES:
        return ordinary
    given = [(name, array, array.shape) for name, array in inputs.items() if array is not None]
    made = [(name, array.copy) for name, array in outputs.items() if array is not None]
    binding = session.io_binding()
    for name, array, shape in given:
        binding.bind_input(name, "cpu", 0, array.dtype.type, list(shape), array.ctypes.data)
    for name, memory in outputs.items():
        if memory is not None:
            binding.bind_output(name, "cpu", 0, memory.dtype.type, list(memory.shape), memory.ctypes.data)
    # Below the public call, which asks at each run whether a GPU's graph is being captured: 33 us here.
    run, bound, free = (
        getattr(session, "_sess", session).run_with_iobinding,
        getattr(binding, "_iobinding", binding),
        Lock(),
    )

    def function(row: dict[str, Tensor]) -> dict[str, Tensor]:
        if free.acquire(blocking=False):
            try:
                for name, array, shape in given:
                    value = row[name]
                    if value.shape != shape:
                        break
                    array[...] = value
                else:
                    run(bound, options)
                    outputs = {}
                    for name, copy in made:
                        outputs[name] = copy()
                    return outputs
            except Exception:  # noqa: BLE001 - the ordinary way says what is wrong, if it still is
                return ordinary(row)
            finally:
                free.release()
        return ordinary(row)

    try:
        # A model whose outputs are not as large as it says cannot be bound; on zeros it shows.
        run(bound, options)
    except Exception:  # noqa: BLE001 - nor can one that does not run on zeros
        return ordinary
    return function


def _row(tensor: TensorType) -> Tensor | None:
    """Memory for one row; None when its size is not known or it does not hold numbers."""
    sizes = [size for size in tensor.shape[1:] if isinstance(size, int)]
    if not tensor.batched or len(sizes) < len(tensor.shape) - 1 or tensor.dtype == "BYTES" or prod(sizes) > MOST_BYTES:
        return None
    return np.zeros((1, *sizes), BY_OIP[tensor.dtype].numpy)
