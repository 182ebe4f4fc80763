"""The short way for the common request: one batched input of numbers, otherwise of fixed size, as JSON, no parameters.

What is not exactly that, or is wrong, gives None: the codec then goes the long way, which knows the exceptions and the
words. A property in the tests holds the two ways equal. What a common request must be is told to msgspec as a type, so
name, data type, shape and the absence of all else are checked in C; the length of the data remains.
"""

from __future__ import annotations

import struct
from math import prod
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from longspan.base.signatures import TensorType
from longspan.wire.oip.request import InferRequest
from longspan.wire.tensors import NUMPY, PYTHON, Buffer, packer


class CommonCodec:
    """Decoder of the common requests of one endpoint.

    Data is read straight into the kind of list that the last request had, flat or nested once; a wrong guess costs one
    more try, never another answer.
    """

    def __init__(self, inputs: dict[str, TensorType], asked: dict[str, bool]) -> None:
        ((self._name, tensor),) = inputs.items()
        self._datatype, self._dtype, self._asked = tensor.dtype, NUMPY[tensor.dtype], asked
        tail = [int(size) for size in tensor.shape[1:]]
        self._width = prod(tail)
        self._nests = len(tail) == 1
        element: Any = PYTHON[tensor.dtype]
        self._flat = _decoder(self._name, tensor.dtype, tail, list[element])
        self._nested = _decoder(self._name, tensor.dtype, tail, list[list[element]])
        self._guess_nested = False

    @staticmethod
    def suits(inputs: dict[str, TensorType]) -> bool:
        """Is this the signature of an endpoint whose requests may be common ones?"""
        if len(inputs) != 1:
            return False
        (tensor,) = inputs.values()
        return tensor.dtype != "BYTES" and tensor.batched and all(isinstance(size, int) for size in tensor.shape[1:])

    def decode(self, body: Buffer) -> InferRequest | None:
        """None when the body is not a common request, or is wrong."""
        nested = self._guess_nested
        try:
            request = self._nested(body) if nested else self._flat(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._guess_nested = not nested and self._nests
            return None
        (tensor,) = request.inputs
        shape, values = tensor.shape, tensor.data
        rows = shape[0]
        if nested and (values := self._unnested(values, rows)) is None:
            return None
        count = rows * self._width
        if len(values) != count:
            return None
        try:
            array = np.ndarray(shape, self._dtype, packer(self._datatype, count)(*values))
        except (struct.error, OverflowError, ValueError):
            return None
        return InferRequest(request.id or "", {self._name: array}, rows, (), self._asked, None)

    def _unnested(self, values: list[list[Any]], rows: int) -> list[Any] | None:
        """All elements in one list; None when it is ragged."""
        if len(values) != rows or any(len(row) != self._width for row in values):
            return None
        return values[0] if rows == 1 else [value for row in values for value in row]


def _decoder(name: str, datatype: str, tail: list[int], data: Any) -> Any:
    """A decoder that takes nothing but a common request."""
    rows = Annotated[int, msgspec.Meta(ge=1)]
    fields: list[Any] = [
        ("name", Literal[name]),
        ("shape", tuple[(rows, *(Literal[size] for size in tail))]),  # type: ignore[misc]
        ("datatype", Literal[datatype]),
        ("data", data),
        ("parameters", None, None),
    ]
    options: dict[str, Any] = {"forbid_unknown_fields": True, "gc": False}
    tensor = msgspec.defstruct("CommonInput", fields, **options)
    request = msgspec.defstruct(
        "CommonRequest",
        [
            ("inputs", tuple[tensor]),  # type: ignore[valid-type]
            ("id", str | None, None),
            ("parameters", None, None),
            ("outputs", None, None),
            ("model_name", str | None, None),
        ],
        **options,
    )
    return msgspec.json.Decoder(request).decode
