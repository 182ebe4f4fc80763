"""The other side of the protocol: one inference request out, its answer in. For who calls an endpoint.

Tensors go and come as bytes. Those of a request are not copied: what `encode` gives is a list of buffers, some of them
the arrays' own memory, so an array that has been encoded must not be changed before it has been sent. An endpoint that
knows no binary tensor data is called with JSON, which every server of the protocol takes. Its answer is held to its
type as strictly; fields of it that are not the protocol's are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from longspan.base.signatures import TensorType
from longspan.wire.oip.parts import Wanted, gather, split
from longspan.wire.oip.request import InferAnswer
from longspan.wire.tensors import ALIGNMENT, NUMPY, Buffer, Tensor, TensorError, binary_view, to_json

_encode = msgspec.json.Encoder().encode
_NO_OTHER_WAY = "which JSON cannot, and that is how it is called"


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A request, ready to be sent as `CONTENT_BINARY`, or as `CONTENT_JSON` if that is how its endpoint is called."""

    parts: list[Buffer]
    """The first is JSON, the others are the tensors: none if all is JSON."""
    size: int
    """Bytes of all parts together."""
    rows: int
    """Size of the dimension `batch`; 0 when no input has it."""

    @property
    def header_length(self) -> int:
        """What the header `HEADER_LENGTH` must say, which is sent with `CONTENT_BINARY` only."""
        return len(self.parts[0])


class NotJson(TensorError):
    """An input holds what JSON cannot. `input`: its name."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.input = name


class CallCodec:
    """Encoder and decoder for the calls of one endpoint."""

    def __init__(
        self,
        inputs: dict[str, TensorType],
        outputs: dict[str, TensorType],
        *,
        optional: Iterable[str] = (),
        binary: bool = True,
    ) -> None:
        """`outputs`: those that are asked for; the endpoint may have more. `optional`: inputs that may be left out.
        `binary`: tensors go as bytes, and come so if the endpoint likes; else all is JSON."""
        self._binary = binary
        self._inputs = [
            (name, f"input {name!r}", tensor, b'{"name":%b,"datatype":%b,"shape":' % _encoded(name, tensor.dtype))
            for name, tensor in inputs.items()
        ]
        self._optional = frozenset(optional)
        asked = [{"name": name} | ({"parameters": {"binary_data": True}} if binary else {}) for name in outputs]
        self._tail = b'],"outputs":%b}' % _encode(asked)
        self._outputs = Wanted("output", outputs, verb="is", least=0)
        self._decode = msgspec.json.Decoder(InferAnswer).decode

    def encode(self, inputs: dict[str, Any]) -> Asked:
        """The request for these arrays; an optional one may be missing or None.

        Raises `TensorError` when an input is missing or of another data type, and `NotJson` when it goes as JSON and
        cannot. Shapes are the endpoint's affair.
        """
        heads: list[bytes] = []
        parts: list[Buffer] = [b""]
        size = rows = 0
        for name, what, tensor, prefix in self._inputs:
            array = inputs.get(name)
            if array is None:
                if name in self._optional:
                    continue
                raise TensorError(f"{what} ({tensor}) is missing")
            if array.dtype != NUMPY[tensor.dtype]:
                raise TensorError(f"{what} is {tensor}; came an array of {array.dtype}")
            if tensor.batched:
                rows = array.shape[0]
            if not self._binary:
                heads.append(b'%b%b,"data":%b}' % (prefix, _encode(array.shape), _listed(name, what, tensor, array)))
                continue
            view = binary_view(array)
            length = len(view)
            heads.append(b'%b%b,"parameters":{"binary_data_size":%d}}' % (prefix, _encode(array.shape), length))
            parts.append(view)
            size += length
        head = b'{"inputs":[' + b",".join(heads) + self._tail
        if self._binary:
            head += b" " * (-len(head) % ALIGNMENT)
        parts[0] = head
        return Asked(parts, size + len(head), rows)

    def decode(self, body: Buffer, header_length: int | None, *, rows: int = 0) -> dict[str, Tensor]:
        """The outputs, each of its declared type: all that were asked for and no other.

        `header_length` is the value of the header `HEADER_LENGTH`, None without it. `rows`: those of the request; an
        output with another `batch` is refused, since its rows would be somebody else's. Arrays are read-only views of
        `body` where that is possible. Raises `TensorError`, whatever the bytes are.
        """
        try:
            head, tail = split(body, header_length)
            arrays, _ = gather(self._outputs, self._decode(head).outputs, tail, rows)
        except msgspec.ValidationError as error:
            raise TensorError(f"the answer is no inference answer: {str(error)[:300]}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise TensorError(f"the answer is no JSON: {str(error)[:300]}") from None
        return arrays


def _listed(name: str, what: str, tensor: TensorType, array: Tensor) -> bytes:
    try:
        return to_json(what, tensor.dtype, array, otherwise=_NO_OTHER_WAY)
    except TensorError as error:
        raise NotJson(str(error), name) from None


def _encoded(*texts: str) -> tuple[bytes, ...]:
    return tuple(_encode(text) for text in texts)
