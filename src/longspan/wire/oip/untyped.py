"""An inference request from any arrays, and any answer to arrays: for who does not know the endpoint's signature.

The arrays' own data types are what is said; the endpoint compares them with its signature, strictly, and its words say
what it takes. So no signature need be fetched, remembered or forgotten here. Who knows the signature has `call`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from longspan.base.dtypes import BY_OIP
from longspan.base.signatures import TensorType
from longspan.wire.oip.parts import carried, quote, split
from longspan.wire.oip.request import InferAnswer
from longspan.wire.tensors import ALIGNMENT, NUMPY, Buffer, Tensor, TensorError, binary_view, to_json

_MOST_DIMENSIONS = 32
_OIP = {dtype: name for name, dtype in NUMPY.items()}
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(InferAnswer).decode
_ALL_AS_BINARY = b'],"parameters":{"binary_data_output":true}}'


class Answered(msgspec.Struct, frozen=True, gc=False):
    """An inference answer."""

    outputs: dict[str, Tensor]
    """Read-only where they are views of the answer's bytes."""
    model: str
    version: str


def encode(inputs: Mapping[str, Tensor], outputs: Iterable[str] = (), *, binary: bool = True) -> list[Buffer]:
    """A request: its first part is JSON, the others are tensors, which are not copied where that is possible.

    `outputs`: those that are wanted; all when none is named. `binary`: how tensors go and come. Raises `TensorError`.
    """
    if isinstance(outputs, str):
        raise TensorError(f"outputs is one text, {outputs!r}: put it into a list, or each letter would be a name")
    heads: list[bytes] = []
    parts: list[Buffer] = [b""]
    for name, value in inputs.items():
        what = f"input {name!r}"
        array, dtype = _typed(what, value)
        head = b'{"name":%b,"datatype":"%b","shape":%b' % (_encode(name), dtype.encode(), _encode(array.shape))
        if binary:
            view = binary_view(array)
            parts.append(view)
            heads.append(b'%b,"parameters":{"binary_data_size":%d}}' % (head, len(view)))
        else:
            heads.append(b'%b,"data":%b}' % (head, to_json(what, dtype, array)))
    head = b'{"inputs":[' + b",".join(heads) + _asked(outputs, binary)
    # What follows shall lie so that nobody need copy it.
    parts[0] = head + b" " * (-len(head) % ALIGNMENT) if binary else head
    return parts


def decode(body: Buffer, header_length: int | None) -> Answered:
    """An answer's outputs. `header_length` is the value of the header `HEADER_LENGTH`, None without it.

    Raises `TensorError`, whatever the bytes are.
    """
    try:
        head, tail = split(body, header_length)
        answer = _decode(head)
        arrays: dict[str, Tensor] = {}
        for tensor in answer.outputs:
            what = f"output {quote(tensor.name)}"
            if tensor.name in arrays:
                raise TensorError(f"{what} is given twice")
            if tensor.datatype not in BY_OIP:
                raise TensorError(f"{what} is of datatype {quote(tensor.datatype)}, which is none")
            if len(tensor.shape) > _MOST_DIMENSIONS or min(tensor.shape, default=0) < 0:
                raise TensorError(f"{what} is of shape {quote(list(tensor.shape))}, which is none")
            kind = TensorType(tensor.datatype, tensor.shape)
            arrays[tensor.name], tail = carried(what, kind, tensor, tail)
        if tail:
            raise TensorError(f"the last {len(tail)} bytes belong to no output")
    except msgspec.ValidationError as error:
        raise TensorError(f"it is no inference answer: {str(error)[:300]}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TensorError(f"it is no JSON: {str(error)[:300]}") from None
    return Answered(arrays, answer.model_name or "", answer.model_version or "")


def _asked(outputs: Iterable[str], binary: bool) -> bytes:
    """The end of a request's JSON."""
    names = [{"name": name, "parameters": {"binary_data": True}} if binary else {"name": name} for name in outputs]
    if names:
        return b'],"outputs":%b}' % _encode(names)
    return _ALL_AS_BINARY if binary else b"]}"


def _typed(what: str, value: Tensor) -> tuple[Tensor, str]:
    """The array as it is sent, and the OIP name of its type. Raises `TensorError`."""
    if not isinstance(value, np.ndarray):
        raise TensorError(f"{what} is no numpy array but {type(value).__name__}: the data type must be yours to say")
    dtype = _OIP.get(value.dtype)
    if dtype is not None:
        if dtype == "BYTES":
            _all_bytes(what, value)
        return value, dtype
    if value.dtype.kind == "S":
        problem = "of which numpy drops zero bytes at the end: make it an array of objects, from a list of bytes"
        raise TensorError(f"{what} is an array of {value.dtype}, {problem}")
    if value.dtype.kind in "UT":
        value = value.astype(object)
        _all_bytes(what, value)  # a text that is missing (numpy's StringDType) is none
        return value, "BYTES"
    # Of another byte order: it is turned as it is encoded.
    dtype = _OIP.get(value.dtype.newbyteorder("<"))
    if dtype is None:
        names = ", ".join(str(known) for known in _OIP)
        raise TensorError(f"{what} is an array of {value.dtype}, for which there is no data type; there are {names}")
    return value.astype(NUMPY[dtype]), dtype


def _all_bytes(what: str, array: Tensor) -> None:
    for index, element in enumerate(array.ravel().tolist()):
        if not isinstance(element, bytes | str):
            kind = type(element).__name__
            raise TensorError(f"{what} is an array of objects; element {index} is {kind}, must be bytes or str")
