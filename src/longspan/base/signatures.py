"""What goes into a step and what comes out: names, data types, shapes with named dimensions.

`TensorType` is the value that plans, orders and requests share. `Shape`, `Text` and `Json` are what
people write in the annotations of their Python steps (they are re-exported by `longspan`)::

    def prepare(content: bytes) -> Prepared: ...             # BYTES [1]

    class Prepared(TypedDict):                               # names its outputs
        bytes: Annotated[NDArray[np.int32], Shape("batch", 2048)]

    def name(scores: Annotated[NDArray[np.float32], Shape("batch", 214)]) -> Json: ...   # output "result"
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec

Element = Literal["raw", "text", "json"]
"""What each element of a BYTES tensor holds."""

BATCH = "batch"
"""The name of the first dimension along which alike requests may share one run."""

RAGGED = "~"
"""Stands before the name of a dimension that may differ from row to row: ``FP32[batch, 3, 48, ~width]``."""


class TensorType(msgspec.Struct, frozen=True):
    """A data type (OIP name) and a shape: numbers are fixed, names are free dimensions.

    A name after ``~`` may differ from row to row: such a value is a list of rows, not one array (``serving.rows``).
    """

    dtype: str
    shape: tuple[int | str, ...]
    element: Element = "raw"

    def __str__(self) -> str:
        """The form of the file: ``FP32[batch, 16]``, ``JSON[1]``."""
        word = self.dtype if self.element == "raw" else self.element.upper()
        return f"{word}[{', '.join(str(d) for d in self.shape)}]"

    @property
    def batched(self) -> bool:
        """May rows of several requests share one run of what takes or gives this?"""
        return bool(self.shape) and self.shape[0] == BATCH

    @property
    def ragged(self) -> bool:
        """Are its rows of different sizes?"""
        return any(isinstance(size, str) and size.startswith(RAGGED) for size in self.shape)


class Signature(msgspec.Struct, frozen=True):
    """Inputs and outputs of a step by name, and how its callable is called."""

    inputs: dict[str, TensorType]
    outputs: dict[str, TensorType]
    call: Literal["sync", "async", "stream"] = "sync"
    """``stream``: an async iterator; each yielded value is one chunk."""
    optional: tuple[str, ...] = ()
    """Inputs that may be left out, because the step that gives them was not run (``when:``)."""

    @property
    def batched(self) -> bool:
        """A step is batched when all that goes in and all that comes out has `batch` first."""
        return all(t.batched for t in (*self.inputs.values(), *self.outputs.values()))


class Shape:
    """The shape of an annotated array: ``Annotated[NDArray[np.float32], Shape("batch", 16)]``."""

    __slots__ = ("dimensions",)

    def __init__(self, *dimensions: int | str) -> None:
        self.dimensions = dimensions

    def __repr__(self) -> str:
        return f"Shape{self.dimensions!r}"


class ElementKind:
    """Marks what the bytes of an annotated value hold; see `Json`."""

    __slots__ = ("element",)

    def __init__(self, element: Element) -> None:
        self.element = element


Json = Annotated[Any, ElementKind("json")]
"""Any JSON value: decoded before the step sees it, encoded after it returns it. BYTES [1] on the wire."""

_TYPE = re.compile(r"([A-Z]+[0-9]*)\s*\[([^\[\]]*)\]")
_DIMENSION = re.compile(r"[0-9]{1,9}|~?[a-z][a-z0-9_]{0,62}")


def parse_tensor_type(text: str, dtypes: frozenset[str]) -> TensorType:
    """``"FP32[batch, 16]"`` -> `TensorType`; ``TEXT`` and ``JSON`` are BYTES of that element.

    Raises `ValueError` that says what is wrong and shows an example.
    """
    match = _TYPE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a tensor type such as FP32[batch, 16] or BYTES[1]")
    word = match[1]
    element: Element = "text" if word == "TEXT" else "json" if word == "JSON" else "raw"
    dtype = word if element == "raw" else "BYTES"
    if dtype not in dtypes:
        raise ValueError(f"{word!r} is no data type: one of {', '.join(sorted(dtypes))}, TEXT, JSON")
    dimensions = [part.strip() for part in match[2].split(",")] if match[2].strip() else []
    for part in dimensions:
        if _DIMENSION.fullmatch(part) is None:
            raise ValueError(f"{part!r} is no dimension: a number, or a lower-case name such as batch")
    return TensorType(dtype, tuple(int(p) if p.isdigit() else p for p in dimensions), element)
