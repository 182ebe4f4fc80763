"""Tensors to what a step takes, and what it returns to tensors: checked, and never changed in silence.

An array may be cast where nothing is lost (FP32 to FP64, not back); plain Python numbers and lists of them have
no width of their own and take the type's. JSON that would hold NaN is refused rather than turned into null.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from longspan.base.signatures import RAGGED, TensorType
from longspan.serving.rows import Rows
from longspan.wire.tensors import NUMPY, Tensor, TensorError, bind, one

_BYTES = (bytes, bytearray, memoryview, str)
_KINDS = {"b": "b", "f": "biuf"}
"""Kind of a type -> kinds of Python numbers that it takes; any other takes whole numbers and truth values."""


def taker(tensor: TensorType, form: str) -> Callable[[Any], Any]:
    """How a step has an input. The function raises `ValueError` on an element that is no text or no JSON.

    Rows of different sizes (`Rows`) come as a list of arrays, and so do those of one array where the step takes such.
    """
    if form == "rows" or tensor.ragged:
        return lambda value: list(value.arrays if isinstance(value, Rows) else value)
    element = _ELEMENTS[tensor.element] if tensor.dtype == "BYTES" else None
    if form == "list":
        return lambda array: [element(content) if element else content for content in array.tolist()]
    if form == "one" or (not form and tensor.dtype == "BYTES" and tensor.shape == (1,)):
        return (lambda array: element(array.item())) if element else lambda array: array.item()
    return lambda array: array


def giver(what: str, tensor: TensorType, form: str) -> Callable[[Any, dict[str, int]], Any]:
    """How an output becomes a value of the graph. The function raises `TensorError`; its text calls it `what`."""
    if form == "rows" or tensor.ragged:
        return lambda value, dims: _rows(what, tensor, value, dims)
    encoded = tensor.element == "json" and tensor.dtype == "BYTES" and form != "array"
    single = tensor.shape == (1,) and form != "list"

    def give(value: Any, dims: dict[str, int]) -> Tensor:
        if encoded and single:
            return one(to_json(what, value))
        if encoded:
            value = [to_json(what, part) for part in _listed(what, tensor, value)]
        elif single and value.__class__ is bytes and tensor.dtype == "BYTES":
            return one(value)
        elif single and (isinstance(value, _BYTES) or np.ndim(value) == 0):
            value = value.reshape(1) if isinstance(value, (np.ndarray, np.generic)) else [value]
        return check(what, tensor, value, dims)

    return give


def check(what: str, tensor: TensorType, value: Any, dims: dict[str, int]) -> Tensor:
    """`value` as its type wants it: C-contiguous, of the right dtype, its shape bound in `dims`.

    BYTES take `bytes`, `str` (as UTF-8) and arrays or lists of them. Free dimensions may be 0. Raises `TensorError`.
    """
    dtype = NUMPY[tensor.dtype]
    if isinstance(value, np.ndarray) and value.__class__ is not np.ndarray:
        value = _ordinary(what, tensor, value)
    if dtype.kind == "O":
        array = _bytes(what, tensor, value)
    elif isinstance(value, np.ndarray) and value.dtype == dtype:
        array = value
    else:
        array = _cast(what, tensor, dtype, value)
    bind(what, tensor, array.shape, dims, least=0, rows=0, verb="is")
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def kept(outputs: dict[str, Any]) -> dict[str, Any]:
    """What a step has given is given: from now on nobody writes to it, the step least of all.

    It is read while other requests run, and sent from where it lies. A step that filled the same memory again would
    give one client another's answer; so it is told, by numpy's error, at its next request.
    """
    for value in outputs.values():
        for array in value.arrays if isinstance(value, Rows) else (value,):
            whole = array
            while isinstance(whole, np.ndarray):
                whole.flags.writeable = False
                whole = whole.base
    return outputs


def _rows(what: str, tensor: TensorType, value: Any, dims: dict[str, int]) -> Rows:
    """A list of arrays, each a row of its own size; an array counts as the list of its rows."""
    if not isinstance(value, (list, tuple, np.ndarray)) or not np.shape(
        value if isinstance(value, np.ndarray) else (0,)
    ):
        raise TensorError(f"{what} is {tensor}; {_came(value)} came: return a list of arrays")
    bind(what, TensorType(tensor.dtype, tensor.shape[:1]), (len(value),), dims, least=0, rows=0, verb="is")
    row, rows = TensorType(tensor.dtype, tensor.shape[1:], tensor.element), []
    for index, part in enumerate(value):
        array = check(f"row {index} of {what}", row, part, dims)
        rows.append(array)
        for size in row.shape:
            if isinstance(size, str) and size.startswith(RAGGED):
                dims.pop(size, None)  # the next row has its own
    return Rows(rows, NUMPY[tensor.dtype])


def to_json(what: str, value: Any) -> bytes:
    """Any JSON value as bytes; numpy's numbers and arrays count as lists and numbers. Raises `TensorError`."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise TensorError(f"{what} is JSON; {type(value).__name__} came: return the value, it is encoded for you")
    try:
        text = _encode(value)
        if b"null" in text:  # from None, or from NaN, which the strict encoder tells apart
            json.dumps(msgspec.to_builtins(value, enc_hook=_plain, str_keys=True), allow_nan=False)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        problem = "NaN or Infinity" if "JSON compliant" in str(error) else str(error)
        raise TensorError(f"{what} is JSON, which cannot hold what came: {problem}") from None
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"objects of type {type(value).__name__}")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode
_decode = msgspec.json.Decoder().decode
_ELEMENTS: dict[str, Callable[[bytes], Any] | None] = {"raw": None, "text": bytes.decode, "json": _decode}


def _listed(what: str, tensor: TensorType, value: Any) -> Sequence[Any]:
    if isinstance(value, np.ndarray):
        return value.tolist()  # type: ignore[no-any-return]
    if not isinstance(value, (list, tuple)):
        raise TensorError(f"{what} is {tensor}; {_came(value)} came: return a list")
    return value


def _ordinary(what: str, tensor: TensorType, value: Tensor) -> Tensor:
    """An array of a kind of its own as an ordinary one: a part of a matrix is a matrix, and no row of it a vector."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise TensorError(f"{what} is {tensor}; an array with masked elements came: fill them in with .filled(...)")
    return np.asarray(value)


def _cast(what: str, tensor: TensorType, dtype: np.dtype[Any], value: Any) -> Tensor:
    typed = isinstance(value, (np.ndarray, np.generic))
    try:
        came = np.asarray(value)
    except ValueError:
        raise TensorError(f"{what} is {tensor}; a ragged list came") from None
    if typed:
        # numpy calls 64-bit integers to FP64 safe, which rounds beyond 2^53.
        rounds = dtype.kind == "f" and came.dtype.kind in "iu" and came.dtype.itemsize == 8
        fits = np.can_cast(came.dtype, dtype, "safe") and not rounds
    else:
        fits = came.dtype.kind in _KINDS.get(dtype.kind, "biu") or _large_integers(came, dtype, value)
    if not fits and (came.size or typed):
        said = f"an array of {came.dtype}" if typed else f"a list of {came.dtype}" if came.ndim else _came(value)
        hint = (
            f"; cast it with .astype(np.{dtype.name}) if that is meant" if typed and came.dtype.kind in "biuf" else ""
        )
        raise TensorError(f"{what} is {tensor}; {said} came, which does not become {tensor.dtype} without loss{hint}")
    try:
        with np.errstate(over="raise"):
            return came.astype(dtype) if typed or not came.size else np.array(value, dtype)
    except (OverflowError, FloatingPointError) as error:
        raise TensorError(f"{what} is {tensor}: {error}") from None


def _large_integers(came: Tensor, dtype: np.dtype[Any], value: Any) -> bool:
    """Are these whole numbers nevertheless? numpy makes floats or objects of a list in which some pass 2^63."""
    if came.dtype.kind not in "fO" or dtype.kind not in "uif":
        return False
    return all(isinstance(leaf, int) for leaf in np.array(value, object).ravel().tolist())


def _bytes(what: str, tensor: TensorType, value: Any) -> Tensor:
    if isinstance(value, _BYTES) or not isinstance(value, (np.ndarray, list, tuple)):
        raise TensorError(f"{what} is {tensor}; {_came(value)} came: return a list")
    came = value if isinstance(value, np.ndarray) else _objects(value)
    if came.dtype.kind not in "OSU":
        raise TensorError(f"{what} is {tensor}; an array of {came.dtype} came")
    elements = came.ravel().tolist()
    if came.dtype.kind == "O" and all(element.__class__ is bytes for element in elements):
        return came
    array = np.empty(len(elements), object)
    for index, element in enumerate(elements):
        if not isinstance(element, _BYTES):
            raise TensorError(f"{what} is {tensor}; element {index} is {_came(element)}, neither bytes nor text")
        try:
            array[index] = element.encode() if isinstance(element, str) else bytes(element)
        except UnicodeEncodeError:
            raise TensorError(f"{what} is {tensor}; element {index} is text that UTF-8 cannot hold") from None
    return array.reshape(came.shape)


def _objects(value: Sequence[Any]) -> Tensor:
    """A list as an object array; only lists inside it are further dimensions."""
    if value and all(isinstance(part, _BYTES) for part in value):
        array = np.empty(len(value), object)
        array[:] = value
        return array
    try:
        return np.array(value, object)
    except ValueError:
        return np.array(None, object)


def _came(value: object) -> str:
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
