"""The model that is asked about: what it says of itself, and requests that it should be able to answer.

Tensors of zeros (of BYTES: ``a``), each free dimension 1 unless a shape is given: a protocol can be examined without
knowing what a model is for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from struct import pack
from typing import Any

import msgspec

from longspan.base.dtypes import BY_OIP
from longspan.client.conform.server import Response, Server, model_path
from longspan.client.conform.values import Differs

BINARY = "binary_tensor_data"
HEADER_LENGTH = "inference-header-content-length"
MOST_ELEMENTS = 16 << 20
_TEXT = b"a"


class Tensor(msgspec.Struct, frozen=True):
    """A tensor as metadata tells it; a free dimension is -1."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class Metadata(msgspec.Struct, frozen=True):
    """``GET /v2/models/NAME``, as far as requests can be made of it."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    platform: str | None = None
    versions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """One model. `shapes`: those to send, where zeros of the smallest size will not do."""

    name: str = ""
    metadata: Metadata | None = None
    extensions: tuple[str, ...] = ()
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return model_path(self.name)

    @property
    def known(self) -> Metadata:
        """Its metadata. Raises `Differs` without them."""
        if self.metadata is None:
            raise Differs("its metadata could not be read")
        return self.metadata

    def inputs(self) -> list[dict[str, Any]]:
        """All inputs as JSON, flat."""
        return [
            {"name": t.name, "datatype": t.datatype, "shape": list(shape), "data": [_zero(t)] * prod(shape)}
            for t in self.known.inputs
            for shape in [self.shape(t)]
        ]

    def shape(self, tensor: Tensor) -> tuple[int, ...]:
        """The shape to send. Raises `Differs` when it is beyond what is tried here."""
        shape = tuple(self.shapes.get(tensor.name, [1 if size < 0 else size for size in tensor.shape]))
        if prod(shape) > MOST_ELEMENTS:
            raise Differs(f"input {tensor.name!r} has {prod(shape)} elements: name a smaller shape (--shape)")
        return shape

    def binary(self) -> tuple[list[dict[str, Any]], bytes]:
        """All inputs by the binary extension: what stands in the JSON, and the bytes behind it."""
        heads, tail = [], b""
        for tensor in self.known.inputs:
            shape = self.shape(tensor)
            one = pack("<I", len(_TEXT)) + _TEXT if tensor.datatype == "BYTES" else bytes(BY_OIP[tensor.datatype].size)
            content = one * prod(shape)
            parameters = {"binary_data_size": len(content)}
            heads.append(
                {"name": tensor.name, "datatype": tensor.datatype, "shape": list(shape), "parameters": parameters}
            )
            tail += content
        return heads, tail

    def infer(self, server: Server, document: dict[str, Any]) -> Response:
        """An inference request as JSON."""
        return server.post(f"{self.path}/infer", document)

    def infer_binary(
        self, server: Server, document: dict[str, Any], tail: bytes, length: int | None = None
    ) -> Response:
        """An inference request with bytes behind its JSON. `length`: what the header says, if not the truth."""
        head = msgspec.json.encode(document)
        headers = {
            "content-type": "application/octet-stream",
            HEADER_LENGTH: str(len(head) if length is None else length),
        }
        return server.request("POST", f"{self.path}/infer", head + tail, headers)


def _zero(tensor: Tensor) -> Any:
    kind = BY_OIP[tensor.datatype].kind if tensor.datatype in BY_OIP else ""
    return {"bool": False, "float": 0.0, "bytes": _TEXT.decode()}.get(kind, 0)
