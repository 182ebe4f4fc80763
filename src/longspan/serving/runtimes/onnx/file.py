"""What does an ONNX file take and give?

Read from the file itself: the names and shapes of its inputs and outputs stand in a few hundred bytes, weights are
skipped over. A model that is not large is then loaded as well, so that what onnxruntime cannot run (an operator or a
version that it does not know, a graph that is none) is known before anything is started. A large one takes seconds
and all its memory: it is loaded where it shall serve, and here only if it leaves out the shape of an output.

Source: ONNX IR specification, onnx.proto (field numbers); protobuf encoding (varints and length-delimited fields).
"""

from __future__ import annotations

import mmap
import os
import re
from typing import NamedTuple

from longspan.base.dtypes import BY_OIP, BY_ONNX
from longspan.base.errors import LongspanError
from longspan.base.signatures import BATCH, Signature, TensorType
from longspan.serving.runtimes.onnx import weights
from longspan.serving.runtimes.onnx.protobuf import Span, fields, parts, text

Dimension = int | str | None
"""A size, a symbol, or nothing known."""

_ELEMENTS = {
    1: "FP32", 2: "UINT8", 3: "INT8", 4: "UINT16", 5: "INT16", 6: "INT32", 7: "INT64", 8: "BYTES", 9: "BOOL",
    10: "FP16", 11: "FP64", 12: "UINT32", 13: "UINT64",
}  # fmt: skip
_OTHER_ELEMENTS = {14: "complex64", 15: "complex128", 16: "bfloat16", 21: "uint4", 22: "int4", 23: "float4"}
_NO_TENSORS = {4: "a sequence", 5: "a map", 8: "a sparse tensor", 9: "an optional value"}
_AGAIN = "Export it again"
_GENERATED = re.compile(r"unk__[0-9]+|\?|")
"""Symbols that converters make up when they know nothing."""
LOADED_BYTES = 256 << 20
"""Up to this size a model is loaded to be described: 20 MB take 0.07 s."""
MOST_LETTERS = 256
"""Of the name of an input or output."""
MOST_DIMENSIONS = 64
"""As many as an array of numpy has."""


class Value(NamedTuple):
    """An input or output as the file has it. `shape` None: not even its rank is known."""

    name: str
    dtype: str
    shape: tuple[Dimension, ...] | None


def describe(path: str) -> Signature:
    """Inputs and outputs of the model file. Raises `LongspanError` when it cannot be served, saying why."""
    inputs, outputs = read(path)
    untold = any(value.shape is None for value in outputs)
    if untold or os.path.getsize(path) <= LOADED_BYTES:
        known = _by_session(path)
        inputs, outputs = known if untold else (inputs, outputs)
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
    graphs = [part for _, part in parts(content, (0, len(content)), 7)]
    if len(graphs) != 1:
        raise ValueError("a model has one graph")
    weights.must_be_inside(content, (0, len(content)))
    inputs: list[Span] = []
    outputs: list[Span] = []
    defaults = set()
    for number, part in parts(content, graphs[0], 5, 11, 12):
        if number == 5:
            defaults.add(weights.name(content, part))
        else:
            (inputs if number == 11 else outputs).append(part)
    taken = [value for part in inputs if (value := _value(content, part, "input", defaults)) is not None]
    given = [value for part in outputs if (value := _value(content, part, "output", set())) is not None]
    if not given:
        raise ValueError("a model has outputs")
    for role, values in (("input", taken), ("output", given)):
        names = {value.name for value in values}
        if len(names) < len(values):
            raise LongspanError(f"has two {role}s of one name", remedy=_AGAIN)
    return taken, given


def _value(content: mmap.mmap, span: Span, role: str, skip: set[str]) -> Value | None:
    name, kind = "", None
    for number, part in parts(content, span, 1, 2):
        if number == 1:
            name = text(content, part)
        else:
            kind = part
    if name in skip:
        return None
    if not 0 < len(name) <= MOST_LETTERS or not name.isprintable():
        raise LongspanError(f"has an {role} whose name nobody can write: {name[:40]!r}", remedy=_AGAIN)
    dtype, shape = "", None
    for number, part in parts(content, kind, *_NO_TENSORS, 1) if kind else ():
        if number in _NO_TENSORS:
            hint = "Export a scikit-learn classifier with zipmap off" if number == 4 else ""
            raise LongspanError(f"{role} {name!r} is {_NO_TENSORS[number]}, not a tensor", remedy=hint)
        dtype, shape = _tensor(content, part, role, name)
    if not dtype:
        raise LongspanError(f"{role} {name!r} has no data type")
    return Value(name, dtype, shape)


def _tensor(content: mmap.mmap, span: Span, role: str, name: str) -> tuple[str, tuple[Dimension, ...] | None]:
    dtype, shape = "", None
    for number, part in fields(content, span):
        if number == 1 and isinstance(part, int):
            if part not in _ELEMENTS:
                kind = _OTHER_ELEMENTS.get(part, f"of ONNX element type {part}")
                raise LongspanError(f"{role} {name!r} is {kind}; served are {', '.join(BY_OIP)}")
            dtype = _ELEMENTS[part]
        elif number == 2 and not isinstance(part, int):
            shape = tuple(_dimension(content, size) for _, size in parts(content, part, 1))
    if len(shape or ()) > MOST_DIMENSIONS:
        raise LongspanError(f"{role} {name!r} has {len(shape or ())} dimensions; served are at most {MOST_DIMENSIONS}")
    return dtype, shape


def _dimension(content: mmap.mmap, span: Span) -> Dimension:
    for number, part in fields(content, span):
        if number == 1 and isinstance(part, int):
            return part if 0 < part < 1 << 31 else None
        if number == 2 and not isinstance(part, int):
            symbol = text(content, part)
            return None if _GENERATED.fullmatch(symbol) else symbol
    return None


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
