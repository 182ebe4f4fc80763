"""Loads a step as its orders would, and calls it with tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from longspan.base.dtypes import BY_OIP
from longspan.base.errors import RequestError
from longspan.base.signatures import Signature, TensorType, parse_tensor_type
from longspan.serving.runtimes import Runnable
from longspan.serving.runtimes.python import load
from longspan.wire.orders import StepWork
from longspan.wire.tensors import Tensor


def types(text: str) -> dict[str, TensorType]:
    """``x FP32[batch, 2]; y JSON[1]``"""
    parts = (part.split(maxsplit=1) for part in text.split(";") if part.strip())
    return {name: parse_tensor_type(kind, frozenset(BY_OIP)) for name, kind in parts}


def step(
    name: str, inputs: str, outputs: str, *, attribute: str = "f", sources: dict[str, str] | None = None, **more: Any
) -> Runnable:
    signature = Signature(types(inputs), types(outputs))
    work = StepWork(
        name="s", run=f"{name}:{attribute}", repeatable=False, signature=signature,
        inputs=sources or {key: key for key in signature.inputs}, settings=more.pop("settings", None),
    )  # fmt: skip
    return load(work, more.pop("secrets", {}))


def of(*elements: bytes) -> Tensor:
    array = np.empty(len(elements), object)
    array[:] = elements
    return array


def failure(runnable: Runnable, **inputs: Tensor) -> RequestError:
    with pytest.raises(RequestError) as caught:
        runnable.function(inputs)
    return caught.value
