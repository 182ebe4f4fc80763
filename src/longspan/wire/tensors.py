"""How does a tensor look as JSON and as bytes, and does it fit its type?

Strict both ways: an element of another kind, a number out of range, a ragged list or a wrong count is a `TensorError`
whose text names the tensor, what was expected (with the names of dimensions) and what came. Nothing is ever rounded,
wrapped or cut in silence. `wire.oip` and `wire.natural` are built on this.

Sources: Open Inference Protocol v2, "Tensor Data" and "Binary Tensor Data Extension" (kserve/open-inference-protocol);
the table of types is `base.dtypes`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from longspan.base.dtypes import BY_OIP, TABLE
from longspan.base.signatures import TensorType
from longspan.wire.shapes import TensorError, bind, in_elements, listed

__all__ = [
    "NUMPY",
    "PYTHON",
    "Buffer",
    "Tensor",
    "TensorError",
    "binary_view",
    "bind",
    "from_binary",
    "from_json",
    "one",
    "packer",
    "to_binary",
    "to_json",
    "to_lists",
]  # fmt: skip

Tensor = NDArray[Any]
Buffer = bytes | bytearray | memoryview
"""Bytes, whoever's memory they are; nobody changes it any more."""

ALIGNMENT = 16
"""What stands before binary tensors is padded to a multiple of this, so that whoever reads them need not copy."""
NUMPY = {row.oip: np.dtype(row.numpy) for row in TABLE}
"""OIP name -> numpy dtype, little-endian."""
_CODES = dict(zip(BY_OIP, "?BHIQbhiqefd", strict=False))
"""OIP name -> code of `struct`, which packs faster than numpy converts and refuses what is out of range."""
_ELEMENTS: dict[str, Any] = {"bool": bool, "uint": int, "int": int, "float": float, "bytes": str}
PYTHON = {row.oip: _ELEMENTS[row.kind] for row in TABLE}
"""OIP name -> what an element of a JSON list is in Python. msgspec takes a whole number for a float, nothing else."""
_WANTED = {
    "bool": "true or false",
    "uint": "whole numbers",
    "int": "whole numbers",
    "float": "numbers",
    "bytes": "strings",
}
_CAME = {
    "array": "a list",
    "object": "an object",
    "str": "a string",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number with a fraction",
}
_AS_BINARY = "which JSON cannot; ask for it as binary data (binary_data: true)"
_MISMATCH = re.compile(r"Expected `([^`]+)`, got `([^`]+)`(?: - at `\$(.*)`)?")
_FLOATS = frozenset(row.oip for row in TABLE if row.kind == "float")
_LETTER_N = ord("n")
_encode = msgspec.json.Encoder().encode


def from_json(what: str, tensor: TensorType, shape: Sequence[int], data: bytes | msgspec.Raw) -> Tensor:
    """JSON list of the elements, flat in row-major order or nested exactly as `shape`, to an array of `shape`.

    `shape` has been through `bind`. BYTES elements are JSON strings and become `bytes` in UTF-8. The array is
    read-only. Raises `TensorError`.
    """
    row = BY_OIP[tensor.dtype]
    rank = len(shape)
    nested = rank > 1 and _is_nested(data)
    try:
        values = _decoder(row.kind, rank if nested else 1).decode(data)
    except msgspec.ValidationError as error:
        raise TensorError(_explain(what, tensor, str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TensorError(f"{what}: data is no JSON list: {error}") from None
    if nested:
        values = _flatten(what, tensor, values, shape)
    return _from_values(what, tensor, tuple(shape), values)


def _from_values(what: str, tensor: TensorType, shape: tuple[int, ...], values: list[Any]) -> Tensor:
    """A flat list of Python values, each of the kind that the type wants, to an array; else `TensorError`."""
    count = prod(shape)
    if len(values) != count:
        raise TensorError(f"{what} of shape {listed(shape)} has {in_elements(count)}; data holds {len(values)}")
    if tensor.dtype == "BYTES":
        array = np.empty(count, object)
        array[:] = [value.encode() for value in values]
        return _shaped(what, array, shape)
    try:
        return np.ndarray(shape, NUMPY[tensor.dtype], packer(tensor.dtype, count)(*values))
    except (struct.error, OverflowError):
        raise TensorError(_out_of_range(what, tensor.dtype, values)) from None
    except ValueError as error:  # dimensions beyond what numpy can address, around a zero
        raise TensorError(f"{what} of shape {listed(shape)}: {error}") from None


@lru_cache(maxsize=256)
def packer(dtype: str, count: int) -> Callable[..., bytes]:
    """Packs `count` Python numbers as little-endian bytes; raises `struct.error` or `OverflowError` out of range.

    Twice as fast as numpy's own conversion of a list, at any length.
    """
    return struct.Struct(f"<{count}{_CODES[dtype]}").pack


def to_json(what: str, dtype: str, array: Tensor, *, otherwise: str = _AS_BINARY) -> bytes:
    """Flat JSON list of the elements, row-major. `dtype` is the OIP name of the array's type.

    Raises `TensorError` for what JSON cannot hold: NaN, Infinity, BYTES that are no UTF-8; `otherwise` ends its text.
    """
    values = array.ravel().tolist()
    if dtype == "BYTES":
        return _encode([_text(what, element, otherwise) for element in values])
    text = _encode(values)
    # msgspec writes null for NaN and Infinity, and no finite number has an n: a search costs less than asking numpy.
    if _LETTER_N in text and dtype in _FLOATS:
        raise TensorError(_not_finite(what, array, otherwise))
    return text


def to_lists(what: str, array: Tensor) -> Any:
    """Nested Python lists of JSON values (a bare value for rank 0). Raises `TensorError` as `to_json` does."""
    if array.dtype.kind == "O":
        flat = np.empty(array.size, object)
        flat[:] = [_text(what, element) for element in array.ravel().tolist()]
        return flat.reshape(array.shape).tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise TensorError(_not_finite(what, array))
    return array.tolist()


def from_binary(what: str, tensor: TensorType, shape: Sequence[int], data: Buffer) -> Tensor:
    """Little-endian row-major bytes (BYTES: 4-byte length before each element) to an array of `shape`.

    A read-only view of `data` where its alignment allows. Raises `TensorError`.
    """
    count = prod(shape)
    if tensor.dtype == "BYTES":
        array = np.empty(count, object) if 4 * count <= len(data) else None
        if array is None:
            raise TensorError(f"{what} of shape {listed(shape)} has {in_elements(count)}; {len(data)} bytes came")
        array[:] = _split(what, count, memoryview(data))
        return _shaped(what, array, tuple(shape))
    dtype = NUMPY[tensor.dtype]
    if count * dtype.itemsize != len(data):
        raise TensorError(
            f"{what} of shape {listed(shape)} and {tensor.dtype} is {count * dtype.itemsize} bytes; {len(data)} came"
        )
    try:
        array = np.ndarray(tuple(shape), dtype, data)
    except (ValueError, OverflowError) as error:
        raise TensorError(f"{what} of shape {listed(shape)}: {error}") from None
    if tensor.dtype == "BOOL" and count and array.view("u1").max() > 1:
        raise TensorError(f"{what} is BOOL: each byte is 0 or 1")
    if not array.flags.aligned:
        array = array.copy()
    array.flags.writeable = False
    return array


def _shaped(what: str, array: Tensor, shape: tuple[int, ...]) -> Tensor:
    try:
        return array.reshape(shape)
    except (ValueError, OverflowError) as error:  # dimensions beyond what numpy can address, around a zero
        raise TensorError(f"{what} of shape {listed(shape)}: {error}") from None


def to_binary(array: Tensor) -> bytes:
    """The reverse of `from_binary`. `array` has a dtype of the table; BYTES elements are `bytes` or `str`."""
    return bytes(binary_view(array))


def binary_view(array: Tensor) -> Buffer:
    """The same, without a copy where the array lies in memory as it is sent: then it must not be changed any more."""
    if array.dtype.kind != "O":
        row_major = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        # A view of nothing cannot be cast to bytes.
        return row_major.reshape(-1).view("u1").data if array.size else b""
    parts: list[bytes] = []
    for element in array.ravel().tolist():
        content = element.encode() if isinstance(element, str) else element
        parts += (len(content).to_bytes(4, "little"), content)
    return b"".join(parts)


def one(element: bytes) -> Tensor:
    """BYTES [1] of this element, which is not copied."""
    array = np.empty(1, object)
    array[0] = element
    return array


# --- JSON ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _decoder(kind: str, depth: int) -> msgspec.json.Decoder[Any]:
    wanted: Any = _ELEMENTS[kind]
    for _ in range(depth):
        wanted = list[wanted]
    return msgspec.json.Decoder(wanted)


def _is_nested(data: bytes | msgspec.Raw) -> bool:
    view = memoryview(data)
    for index in range(1, len(view)):
        if view[index] not in b" \t\r\n":
            return view[index] == 0x5B
    return False


def _flatten(what: str, tensor: TensorType, values: list[Any], shape: Sequence[int], at: str = "") -> list[Any]:
    if len(values) != shape[0]:
        raise TensorError(f"{what} takes {tensor}; data{at} holds {in_elements(len(values))}, by its shape {shape[0]}")
    if len(shape) == 1:
        return values
    if len(values) == 1:
        return _flatten(what, tensor, values[0], shape[1:], f"{at}[0]")
    flat: list[Any] = []
    for index, part in enumerate(values):
        flat += _flatten(what, tensor, part, shape[1:], f"{at}[{index}]")
    return flat


def _explain(what: str, tensor: TensorType, problem: str) -> str:
    match = _MISMATCH.fullmatch(problem)
    if match is None:  # such as "Number out of range - at `$[0]`"
        return f"{what} takes {tensor}: {problem.replace('`$', '`data')}"
    came = _CAME.get(match[2], match[2])
    wanted = "a list" if match[1] == "array" else f"elements that are {_WANTED[BY_OIP[tensor.dtype].kind]}"
    return f"{what} takes {tensor}, {wanted}; data{match[3] or ''} is {came}"


def _out_of_range(what: str, dtype: str, values: list[Any]) -> str:
    pack = packer(dtype, 1)
    for index, value in enumerate(values):
        try:
            pack(value)
        except (struct.error, OverflowError):
            shown = str(value) if abs(value) < 1e30 else f"{value:.6g}" if isinstance(value, float) else "a huge number"
            info: Any = np.finfo(NUMPY[dtype]) if dtype.startswith("FP") else np.iinfo(NUMPY[dtype])
            return f"{what}: element {index} is {shown}; {dtype} holds {info.min} to {info.max}"
    return f"{what}: an element is out of range for {dtype}"


def _not_finite(what: str, array: Tensor, otherwise: str = _AS_BINARY) -> str:
    flat = array.ravel()
    index = int(np.flatnonzero(~np.isfinite(flat))[0])
    return f"{what} holds {flat[index]} at element {index}, {otherwise}"


def _text(what: str, element: bytes | str, otherwise: str = _AS_BINARY) -> str:
    try:
        return element if isinstance(element, str) else element.decode()
    except UnicodeDecodeError:
        raise TensorError(f"{what} holds bytes that are no UTF-8 text, {otherwise}") from None


# --- binary -------------------------------------------------------------------------------------------------------


def _split(what: str, count: int, data: memoryview) -> list[bytes]:
    elements: list[bytes] = []
    at, end = 0, len(data)
    for index in range(count):
        start = at + 4
        at = start + int.from_bytes(data[at:start], "little") if start <= end else end + 1
        if at > end:
            raise TensorError(f"{what}: element {index} of {count} runs past the end of the {end} bytes that came")
        elements.append(bytes(data[start:at]))
    if at != end:
        raise TensorError(f"{what}: {end - at} bytes are left over after {in_elements(count)}")
    return elements
