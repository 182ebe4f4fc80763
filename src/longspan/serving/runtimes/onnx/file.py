"""What does an ONNX file take and give?

Read from the file itself: a session of a large model takes seconds and all its memory, the names and shapes of its
inputs and outputs stand in a few hundred bytes. Weights are skipped over, not read. Only a model that leaves out the
shape of an output is loaded, since onnxruntime then knows more than the file says.

Source: ONNX IR specification, onnx.proto (field numbers); protobuf encoding (varints and length-delimited fields).
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from typing import NamedTuple

from longspan.base.dtypes import BY_OIP, BY_ONNX
from longspan.base.errors import LongspanError
from longspan.base.signatures import BATCH, Signature, TensorType

Dimension = int | str | None
"""A size, a symbol, or nothing known."""

_ELEMENTS = {
    1: "FP32", 2: "UINT8", 3: "INT8", 4: "UINT16", 5: "INT16", 6: "INT32", 7: "INT64", 8: "BYTES", 9: "BOOL",
    10: "FP16", 11: "FP64", 12: "UINT32", 13: "UINT64",
}  # fmt: skip
_OTHER_ELEMENTS = {14: "complex64", 15: "complex128", 16: "bfloat16", 21: "uint4", 22: "int4", 23: "float4"}
_NO_TENSORS = {4: "a sequence", 5: "a map", 8: "a sparse tensor", 9: "an optional value"}
_EXTERNAL = 1
_GENERATED = re.compile(r"unk__[0-9]+|\?|")
"""Symbols that converters make up when they know nothing."""


class Value(NamedTuple):
    """An input or output as the file has it. `shape` None: not even its rank is known."""

    name: str
    dtype: str
    shape: tuple[Dimension, ...] | None


def describe(path: str) -> Signature:
    """Inputs and outputs of the model file. Raises `LongspanError` when it cannot be served, saying why."""
    inputs, outputs = read(path)
    if any(value.shape is None for value in outputs):
        inputs, outputs = _by_session(path)
    return name_dimensions(inputs, outputs)


def name_dimensions(inputs: list[Value], outputs: list[Value]) -> Signature:
    """Give every free dimension a name.

    A free first dimension is `batch`: of every input, and of an output whose first symbol is the inputs' one, says
    batch or is none. Not so when the inputs disagree about its symbol, or when it also stands elsewhere (``[n, n]``):
    rows could not be told apart. Other symbols are lower-cased; a dimension without one is ``d1``, ``d2``, ...
    """
    values = [*inputs, *outputs]
    firsts = {value.shape[0] for value in inputs if value.shape and isinstance(value.shape[0], str)}
    inner = {size for value in values for size in (value.shape or ())[1:] if isinstance(size, str)}
    batched = len(firsts) <= 1 and not firsts & inner and not any(_says_batch(symbol) for symbol in inner)
    names = _Names()

    def tensor(value: Value, own: bool) -> TensorType:
        shape: list[int | str] = []
        for index, size in enumerate(value.shape or ()):
            alike = own or size is None or size in firsts or _says_batch(str(size))
            first = index == 0 and batched and not isinstance(size, int) and alike
            shape.append(BATCH if first else size if isinstance(size, int) else names.of(size))
        return TensorType(value.dtype, tuple(shape))

    return Signature(
        inputs={value.name: tensor(value, own=True) for value in inputs},
        outputs={value.name: tensor(value, own=False) for value in outputs},
    )


def read(path: str) -> tuple[list[Value], list[Value]]:
    """Inputs that have no default value, and outputs. Raises `LongspanError`."""
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _model(content)
    except OSError as error:
        raise LongspanError(f"cannot be read: {error.strerror}") from None
    except (ValueError, UnicodeDecodeError):  # an empty file, or bytes that are no protobuf
        raise LongspanError("is no ONNX model", remedy="Export the model as one .onnx file") from None


# --- ONNX's messages ----------------------------------------------------------------------------------------------


def _model(content: mmap.mmap) -> tuple[list[Value], list[Value]]:
    graphs = [part for number, part in _fields(content, (0, len(content))) if number == 7]
    if len(graphs) != 1 or isinstance(graphs[0], int):
        raise ValueError("a model has one graph")
    inputs, outputs, defaults = [], [], set()
    for number, part in _fields(content, graphs[0]):
        if isinstance(part, int):
            continue
        if number == 5:
            defaults.add(_weights(content, part))
        elif number == 11:
            inputs.append(part)
        elif number == 12:
            outputs.append(part)
    taken = [value for part in inputs if (value := _value(content, part, "input", defaults)) is not None]
    given = [value for part in outputs if (value := _value(content, part, "output", set())) is not None]
    if not given:
        raise ValueError("a model has outputs")
    return taken, given


def _weights(content: mmap.mmap, span: tuple[int, int]) -> str:
    name = ""
    for number, part in _fields(content, span):
        if number == 8 and not isinstance(part, int):
            name = content[part[0] : part[1]].decode()
        elif number == 14 and part == _EXTERNAL:
            raise LongspanError(
                "keeps its weights in another file", remedy="Save the model with its weights in one file"
            )
    return name


def _value(content: mmap.mmap, span: tuple[int, int], role: str, skip: set[str]) -> Value | None:
    name, kind = "", None
    for number, part in _fields(content, span):
        if isinstance(part, int):
            continue
        if number == 1:
            name = content[part[0] : part[1]].decode()
        elif number == 2:
            kind = part
    if name in skip:
        return None
    dtype, shape = "", None
    for number, part in _fields(content, kind) if kind else ():
        if isinstance(part, int):
            continue
        if number in _NO_TENSORS:
            hint = "Export a scikit-learn classifier with zipmap off" if number == 4 else ""
            raise LongspanError(f"{role} {name!r} is {_NO_TENSORS[number]}, not a tensor", remedy=hint)
        if number == 1:
            dtype, shape = _tensor(content, part, role, name)
    if not dtype:
        raise LongspanError(f"{role} {name!r} has no data type")
    return Value(name, dtype, shape)


def _tensor(
    content: mmap.mmap, span: tuple[int, int], role: str, name: str
) -> tuple[str, tuple[Dimension, ...] | None]:
    dtype, shape = "", None
    for number, part in _fields(content, span):
        if number == 1 and isinstance(part, int):
            if part not in _ELEMENTS:
                kind = _OTHER_ELEMENTS.get(part, f"of ONNX element type {part}")
                raise LongspanError(f"{role} {name!r} is {kind}; served are {', '.join(BY_OIP)}")
            dtype = _ELEMENTS[part]
        elif number == 2 and not isinstance(part, int):
            shape = tuple(
                _dimension(content, size)
                for field, size in _fields(content, part)
                if field == 1 and size.__class__ is tuple
            )
    return dtype, shape


def _dimension(content: mmap.mmap, span: int | tuple[int, int]) -> Dimension:
    for number, part in _fields(content, span):
        if number == 1 and isinstance(part, int):
            return part if 0 < part < 1 << 31 else None
        if number == 2 and not isinstance(part, int):
            symbol = content[part[0] : part[1]].decode()
            return None if _GENERATED.fullmatch(symbol) else symbol
    return None


# --- protobuf -----------------------------------------------------------------------------------------------------


def _fields(content: mmap.mmap, span: int | tuple[int, int]) -> Iterator[tuple[int, int | tuple[int, int]]]:
    """(field number, a varint's value or where the bytes of the field are). Raises `ValueError` on malformed bytes."""
    if isinstance(span, int):
        raise ValueError("a message was expected, a number came")
    at, end = span
    while at < end:
        key, at = _varint(content, at, end)
        match key & 7:
            case 0:
                value, at = _varint(content, at, end)
                yield key >> 3, value
                continue
            case 1:
                size = 8
            case 2:
                size, at = _varint(content, at, end)
            case 5:
                size = 4
            case _:
                raise ValueError("unknown wire type")
        if size > end - at:
            raise ValueError("a field runs past its message")
        yield key >> 3, (at, at + size)
        at += size


def _varint(content: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number runs past its message")


# --- names --------------------------------------------------------------------------------------------------------


class _Names:
    """Symbols to names such as the file of a system has them: lower-case, one name per symbol."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._nameless = 0

    def of(self, symbol: str | None) -> str:
        if symbol is None:
            self._nameless += 1
            return self._fresh(f"d{self._nameless}")
        if symbol not in self._known:
            name = re.sub(r"[^a-z0-9_]+", "_", symbol.lower()).strip("_")[:56]
            self._known[symbol] = self._fresh(name if name[:1].isalpha() else f"d_{name}")
        return self._known[symbol]

    def _fresh(self, name: str) -> str:
        taken, fresh, count = set(self._known.values()), name, 1
        while fresh in taken:
            count += 1
            fresh = f"{name}_{count}"
        return fresh


def _says_batch(symbol: str) -> bool:
    return "batch" in symbol.lower()


def _by_session(path: str) -> tuple[list[Value], list[Value]]:
    from longspan.serving.runtimes.onnx.session import metadata

    def value(name: str, kind: str, shape: list[Dimension]) -> Value:
        if kind not in BY_ONNX:
            raise LongspanError(f"{name!r} is {kind}; served are {', '.join(BY_OIP)}")
        sizes = tuple(None if isinstance(s, str) and _GENERATED.fullmatch(s) else s for s in shape)
        return Value(name, BY_ONNX[kind].oip, sizes)

    inputs, outputs = metadata(path)
    return [value(*row) for row in inputs], [value(*row) for row in outputs]
