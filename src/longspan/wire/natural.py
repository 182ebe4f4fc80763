"""Natural content: a body of any media type in, an answer of the asked media type out, without tensors in sight.

Stub: signatures first, bodies follow. See DESIGN section 2, "Natural content".
"""

from __future__ import annotations

from longspan.base.signatures import TensorType
from longspan.wire.tensors import Tensor


class Negotiator:
    """Which input does a body become, and which output makes the answer? One per service.

    `accepts`: media range -> input; `answers`: media type -> output, the first is the default.
    """

    def __init__(self, accepts: dict[str, str], answers: dict[str, str]) -> None:
        raise NotImplementedError

    def input_for(self, content_type: str | None) -> str:
        """Name of the input; the most specific range wins. No header counts as ``application/octet-stream``.

        Raises `RequestError` 415.
        """
        raise NotImplementedError

    def answer_for(self, accept: str | None) -> tuple[str, str]:
        """(media type, output name). Raises `RequestError` 406."""
        raise NotImplementedError


def to_tensor(body: bytes, tensor: TensorType) -> Tensor:
    """The body as BYTES [1], zero copy. Raises `RequestError` 400: not UTF-8 for TEXT, not JSON for JSON."""
    raise NotImplementedError


def from_tensor(array: Tensor, tensor: TensorType, media_type: str) -> bytes:
    """The body of an answer. Raises `RequestError` 500 when the media type cannot hold it."""
    raise NotImplementedError


def chunk(value: bytes, media_type: str) -> bytes:
    """One streamed value as `media_type` frames it: an SSE event, an NDJSON line, or raw. No HTTP chunk framing."""
    raise NotImplementedError


def error_chunk(text: str, media_type: str) -> bytes:
    """An error after the first byte, as far as the media type can say it: SSE ``event: error``, an NDJSON object, else empty."""
    raise NotImplementedError
