"""Inference requests and answers, as JSON and with binary tensors: any bytes, for endpoints of several signatures.

Held: a `RequestError` 400 that can be said, or tensors of the declared types that are what Python's own JSON reads;
their memory is bounded by what came; the short way and the long way agree; what is encoded decodes to the same.
"""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any

import numpy as np

from longspan.base.dtypes import BY_OIP
from longspan.base.errors import RequestError
from longspan.base.signatures import TensorType
from longspan.serving.egress import verdict
from longspan.wire.oip import CallCodec, InferCodec, InferRequest, error_body
from longspan.wire.tensors import NUMPY, Tensor, TensorError
from tests.fuzz.given import expanded, sound, steered

_NUMBERS = [name for name in BY_OIP if name != "BYTES"]
SIGNATURES: tuple[dict[str, TensorType], ...] = (
    {"a": TensorType("FP32", ("batch", 2))},
    {"a": TensorType("BYTES", (1,))},
    {"a": TensorType("INT64", ("batch", "n")), "b": TensorType("BOOL", ("n",))},
    {"a": TensorType("BYTES", ("batch", "n")), "b": TensorType("FP64", ())},
    *({"a": TensorType(name, ("batch",))} for name in _NUMBERS),
    {"a": TensorType("FP16", ("h", 3, "w"))},
    {"a": TensorType("BYTES", ("batch",), "json"), "b": TensorType("UINT8", ("batch", 2, 2))},
)
TAIL, SIZE = b"\x1e", b"\x1d"
"""Where the binary tensors begin, and what stands for their size in the JSON: so that a fuzzer need not count."""
_PER_BYTE = 16
"""Bytes of memory of a tensor for one byte of a body, at most: ``0,`` may be a number of eight, or an object."""


@cache
def _codecs(index: int) -> tuple[InferCodec, InferCodec, CallCodec]:
    """The codec of an endpoint that gives back what it takes, the same without its short way, and its caller's."""
    types = SIGNATURES[index]
    plain = InferCodec("fuzzed", "1", types, types)
    plain._common = None
    return InferCodec("fuzzed", "1", types, types), plain, CallCodec(types, types)


def _parted(data: bytes) -> tuple[int, bytes, int | None]:
    """(which signature, body, length of its JSON)."""
    steering, raw = steered(data)
    index = steering[0] % len(SIGNATURES) if steering else 0
    head, mark, tail = expanded(raw).partition(TAIL)
    if not mark:
        return index, head, None
    head = head.replace(SIZE, b"%d" % len(tail))
    length = len(head) if len(steering) < 3 else int.from_bytes(steering[1:3], "little")
    return index, head + tail, length


def run_request(data: bytes) -> None:
    """As a worker reads a request. Raises when something that is held above does not."""
    index, body, length = _parted(data)
    codec, plain, calls = _codecs(index)
    found, other = _request(codec, body, length), _request(plain, body, length)
    assert (found is None) == (other is None), "the short way and the long way disagree"
    if found is None or other is None:
        return
    assert (found.id, found.rows, found.alike, found.asked) == (other.id, other.rows, other.alike, other.asked)
    _same(found.inputs, other.inputs)
    _typed(found.inputs, SIGNATURES[index], body)
    if length is None:
        _as_python_reads(found.inputs, body)
    asked = calls.encode(found.inputs)
    again = codec.decode(b"".join(asked.parts), asked.header_length)
    _same(found.inputs, again.inputs)
    assert again.rows == found.rows
    _answered(codec, calls, found, index)


def _request(codec: InferCodec, body: bytes, length: int | None) -> InferRequest | None:
    try:
        return codec.decode(body, length)
    except RequestError as error:
        assert error.status == 400, f"status {error.status}"
        sound(error.problem, body)
        json.loads(error_body(error.problem))
        return None


def _answered(codec: InferCodec, calls: CallCodec, request: InferRequest, index: int) -> None:
    """The answer with the same values, encoded and decoded."""
    try:
        answer = codec.encode(request, request.inputs)
    except RequestError as error:
        assert error.status == 500, "what JSON cannot hold is the model's fault"
        assert "JSON cannot" in error.problem
        return
    outputs = {name: request.inputs[name] for name in request.asked}
    _same(outputs, CallCodec({}, {name: SIGNATURES[index][name] for name in outputs}).decode(
        answer.body, answer.header_length, rows=request.rows if "batch" in _names(outputs, index) else 0
    ))  # fmt: skip
    if answer.header_length is None:
        json.loads(answer.body)


def run_answer(data: bytes) -> None:
    """As a worker reads the answer of a server that may be somebody else's."""
    index, body, length = _parted(data)
    _, _, calls = _codecs(index)
    told = verdict.told(body)
    assert len(told) <= 4000
    error_body(told)
    try:
        found = calls.decode(body, length)
    except TensorError as error:
        sound(str(error), body)
        return
    _typed(found, SIGNATURES[index], body)
    if length is None:
        _as_python_reads(found, body, "outputs")


def _names(tensors: dict[str, Tensor], index: int) -> set[int | str]:
    return {size for name in tensors for size in SIGNATURES[index][name].shape}


def _typed(found: dict[str, Tensor], types: dict[str, TensorType], body: bytes) -> None:
    assert found.keys() == types.keys()
    sizes: dict[str, int] = {}
    for name, kind in types.items():
        array = found[name]
        assert array.dtype == NUMPY[kind.dtype], f"{name} is {array.dtype}"
        assert array.ndim == len(kind.shape)
        for want, size in zip(kind.shape, array.shape, strict=True):
            assert size == (want if isinstance(want, int) else sizes.setdefault(want, size))
        assert array.nbytes <= _PER_BYTE * len(body), f"{array.nbytes} bytes of {len(body)}"
        if kind.dtype == "BYTES":
            assert all(isinstance(element, bytes) for element in array.ravel())
        else:
            assert not array.flags.writeable, "a client's bytes could be written to"


def _same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert (array.dtype, array.shape) == (other[name].dtype, other[name].shape)
        assert array.tolist() == other[name].tolist() or array.tobytes() == other[name].tobytes(), f"{name} differs"


def _as_python_reads(found: dict[str, Tensor], body: bytes, key: str = "inputs") -> None:
    for tensor in json.loads(body)[key]:
        array = found[tensor["name"]]
        assert list(array.shape) == tensor["shape"]
        values = _flat(tensor["data"])
        assert len(values) == array.size == math.prod(tensor["shape"])
        if array.dtype.kind == "O":
            assert array.ravel().tolist() == [value.encode() for value in values]
        else:
            wanted = np.array([array.dtype.type(value) for value in values], array.dtype)
            assert wanted.tobytes() == array.tobytes(), f"{values[:9]} became {array.ravel()[:9]}"


def _flat(values: Any) -> list[Any]:
    flat: list[Any] = []
    todo = [values]
    while todo:
        value = todo.pop()
        if isinstance(value, list):
            todo += reversed(value)
        else:
            flat.append(value)
    return flat
