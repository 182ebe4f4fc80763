"""Open Inference Protocol v2 over REST: request and answer, JSON and binary tensors.

One `InferCodec` is made per endpoint (a model or a service) when the worker starts; `decode` and `encode` are the
hot path. Stub: signatures first, bodies follow.
"""

from __future__ import annotations

from typing import Any

import msgspec

from longspan.base.signatures import TensorType
from longspan.wire.tensors import Tensor

HEADER_LENGTH = "inference-header-content-length"
"""Lower-case name of the header that says how many bytes of a body are JSON; tensors follow as bytes."""

CONTENT_JSON = "application/json"
CONTENT_BINARY = "application/octet-stream"


class InferRequest(msgspec.Struct, frozen=True, gc=False):
    """One inference request, checked: every input of the endpoint is there, with its type and shape."""

    id: str
    """The client's ``id``; echoed when not empty."""
    inputs: dict[str, Tensor]
    """Treat as read-only: small JSON and all binary tensors are views of the request's bytes."""
    rows: int
    """Size of the dimension `batch`; 1 when the endpoint has none."""
    alike: tuple[int, ...]
    """Sizes of all free dimensions but `batch`: requests to one endpoint may share a run when these are equal."""
    asked: dict[str, bool]
    """Outputs to answer with, in order: name -> as binary."""
    parameters: dict[str, Any] | None


class Encoded(msgspec.Struct, frozen=True, gc=False):
    """Body of an answer. `header_length` None: all JSON. Else `CONTENT_BINARY`, and the header must say the length."""

    body: bytes
    header_length: int | None


class InferCodec:
    """Decoder and encoder of one endpoint."""

    def __init__(self, name: str, version: str, inputs: dict[str, TensorType], outputs: dict[str, TensorType]) -> None:
        raise NotImplementedError

    def decode(self, body: bytes, header_length: int | None = None) -> InferRequest:
        """Raises `RequestError` (400) that says what was expected and what came."""
        raise NotImplementedError

    def encode(self, request: InferRequest, outputs: dict[str, Tensor]) -> Encoded:
        """The answer to `request`. `outputs` holds at least what it asked for.

        Raises `RequestError` (500) when JSON cannot hold a value (NaN, Infinity, BYTES that are no UTF-8): its text says to
        ask for binary.
        """
        raise NotImplementedError


def error_body(text: str) -> bytes:
    """``{"error": text}``."""
    raise NotImplementedError


def server_metadata(version: str) -> bytes:
    """Body of ``GET /v2``: name ``longspan``, its version, extensions ``["binary_tensor_data"]``."""
    raise NotImplementedError


def model_metadata(
    name: str, version: str, platform: str, inputs: dict[str, TensorType], outputs: dict[str, TensorType]
) -> bytes:
    """Body of ``GET /v2/models/NAME``. Free dimensions are -1. `platform`: ``onnx_onnxv1``, ``longspan_service``."""
    raise NotImplementedError


def ready_body(name: str, ready: bool) -> bytes:
    """Body of ``GET /v2/models/NAME/ready``: ``{"name": ..., "ready": ...}``."""
    raise NotImplementedError
