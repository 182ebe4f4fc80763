"""Tensors of a request or of an answer: their description in JSON, and the bytes that follow it.

What both sides of the protocol have in common. Whatever is wrong is a `TensorError` that says what was expected and
what came.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from longspan.base.signatures import BATCH, TensorType
from longspan.wire.oip.request import AnyTensor
from longspan.wire.tensors import Buffer, Tensor, TensorError, bind, from_binary, from_json

HEADER_LENGTH = "inference-header-content-length"
"""Lower-case name of the header that says how many bytes of a body are JSON; tensors follow as bytes."""

_LONGEST_QUOTE = 80


class Wanted:
    """What must come: the inputs of an endpoint, or the outputs that were asked for."""

    __slots__ = ("kind", "least", "optional", "types", "verb")

    def __init__(
        self, kind: str, tensors: dict[str, TensorType], *, verb: str, optional: Iterable[str] = (), least: int = 1
    ) -> None:
        """`kind` and `verb` are for texts: ``input 'x' takes``. `least`: how small a free dimension may be."""
        self.kind, self.verb, self.least = kind, verb, least
        self.types = {name: (f"{kind} {name!r}", tensor) for name, tensor in tensors.items()}
        """Name -> (what a text calls it, its type)."""
        self.optional = frozenset(optional)


def split(body: Buffer, header_length: int | None) -> tuple[Buffer, memoryview | None]:
    """(JSON, bytes behind it); the latter None without the header `HEADER_LENGTH`. Raises `TensorError`."""
    if header_length is None:
        return body, None
    if not 0 <= header_length <= len(body):
        raise TensorError(f"{HEADER_LENGTH} is {header_length}, the body has {len(body)} bytes")
    view = memoryview(body)
    return view[:header_length], view[header_length:]


def gather(
    wanted: Wanted, tensors: Sequence[AnyTensor], tail: memoryview | None, rows: int = 0
) -> tuple[dict[str, Tensor], dict[str, int]]:
    """(arrays by name, sizes of the free dimensions). Views of `tail` where that is possible.

    `rows`: what `batch` must be; 0: anything. Raises `TensorError`.
    """
    arrays: dict[str, Tensor] = {}
    dims = {BATCH: rows} if rows else {}
    for tensor in tensors:
        known = wanted.types.get(tensor.name)
        if known is None:
            raise TensorError(unknown(wanted.kind, tensor.name, wanted.types))
        what, kind = known
        if tensor.name in arrays:
            raise TensorError(f"{what} is given twice")
        if tensor.datatype != kind.dtype:
            raise TensorError(f"{what} {wanted.verb} {kind}; came datatype {quote(tensor.datatype)}")
        bind(what, kind, tensor.shape, dims, least=wanted.least, rows=wanted.least, verb=wanted.verb)
        arrays[tensor.name], tail = carried(what, kind, tensor, tail)
    if len(arrays) != len(wanted.types):
        _miss(wanted, arrays)
    if tail:
        kind_of = wanted.kind
        raise TensorError(f"the last {len(tail)} bytes of the body belong to no {kind_of}; check each binary_data_size")
    return arrays, dims


def carried(
    what: str, kind: TensorType, tensor: AnyTensor, tail: memoryview | None
) -> tuple[Tensor, memoryview | None]:
    """(array of a tensor whose shape has been looked at, what is left of `tail`). Raises `TensorError`."""
    size = _binary_size(what, tensor) if tensor.parameters is not None else None
    if size is None:
        return from_json(what, kind, tensor.shape, tensor.data), tail
    if tail is None:
        raise TensorError(f"{what} has binary_data_size, but there is no header {HEADER_LENGTH}")
    if size > len(tail):
        raise TensorError(f"{what} has binary_data_size {size}; {len(tail)} bytes are left in the body")
    return from_binary(what, kind, tensor.shape, tail[:size]), tail[size:]


def _miss(wanted: Wanted, arrays: dict[str, Tensor]) -> None:
    missing = [
        f"{what} ({kind})"
        for name, (what, kind) in wanted.types.items()
        if name not in arrays and name not in wanted.optional
    ]
    if missing:
        raise TensorError(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")


def _binary_size(what: str, tensor: AnyTensor) -> int | None:
    parameters = tensor.parameters or {}
    if "shared_memory_region" in parameters:
        raise TensorError(f"{what}: shared memory is not supported; send the data in the body")
    size = parameters.get("binary_data_size")
    if size is None:
        return None
    if size.__class__ is not int or size < 0:
        raise TensorError(f"{what}: binary_data_size is {quote(size)}, must be a whole number of bytes")
    if bytes(tensor.data):
        raise TensorError(f"{what} has both data and binary_data_size; send one of them")
    return int(size)


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Words for a name that is none of `known`."""
    close = difflib.get_close_matches(name[:_LONGEST_QUOTE], known, 1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; there is {', '.join(map(repr, known)) or 'none'}"
    return f"no {kind} is called {quote(name)}{hint}"


def quote(value: object) -> str:
    """What came, shortened."""
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."
