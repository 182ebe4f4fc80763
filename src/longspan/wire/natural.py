"""Natural content: a body of any media type in, an answer of the asked media type out, without tensors in sight.

A body becomes one input as BYTES [1]. An answer is made from one output: as JSON, BYTES that hold JSON go as they are,
any other tensor as nested lists, a single element as a bare value; as any other media type the bytes go. Which input
and which output is negotiated by `Negotiator`, from the headers alone.

Sources: RFC 9110, 8.3 (Content-Type), 12.5.1 (Accept); HTML Living Standard, 9.2.6 (event streams); ndjson-spec.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import numpy as np

from longspan.base.errors import RequestError
from longspan.base.signatures import TensorType
from longspan.wire.oip import error_body
from longspan.wire.tensors import Tensor, TensorError, one, to_binary, to_lists

EVENT_STREAM = "text/event-stream"
NDJSON = "application/x-ndjson"

_UNTYPED = "application/octet-stream"
_REMEMBERED = 64
"""Headers whose negotiation is kept: clients send few different ones."""
# A quote that nothing closes goes on to the end: to look for the end of each of thousands took half a minute.
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)')
_ELEMENT = re.compile(rf'(?:[^,"]|{_QUOTED.pattern})+')
_MEDIA = re.compile(r"\s*([\w!#$&^.+*-]+/[\w!#$&^.+*-]+)\s*(?:;|$)", re.ASCII)
_WEIGHT = re.compile(r";\s*q=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*(?:;|$)", re.IGNORECASE)
_ANY_WEIGHT = re.compile(r";\s*q\s*=", re.IGNORECASE)
_LINE_BREAK = re.compile(rb"\r\n|\r|\n")
_encode = msgspec.json.Encoder().encode


class Negotiator:
    """Which input does a body become, and which output makes the answer? One per service."""

    def __init__(self, accepts: dict[str, str], answers: dict[str, str]) -> None:
        """`accepts`: media range -> input; `answers`: media type -> output, the first is the default."""
        self._accepts = {media.lower(): name for media, name in accepts.items()}
        self._answers = {media.lower(): name for media, name in answers.items()}
        self._inputs: dict[str | None, str] = {}
        self._outputs: dict[str | None, tuple[str, str]] = {}

    def input_for(self, content_type: str | None) -> str:
        """Name of the input: that of the most specific range. No header counts as ``application/octet-stream``.

        Raises `RequestError` 415.
        """
        known = self._inputs.get(content_type)
        if known is None:
            known = _remember(self._inputs, content_type, self._find_input(content_type))
        return known

    def answer_for(self, accept: str | None) -> tuple[str, str]:
        """(media type, output name): the answer that the client weighs highest, the first among equals.

        Raises `RequestError` 406.
        """
        known = self._outputs.get(accept)
        if known is None:
            known = _remember(self._outputs, accept, self._find_answer(accept))
        return known

    def _find_input(self, content_type: str | None) -> str:
        match = _MEDIA.match(content_type or _UNTYPED)
        if match is not None and "*" not in match[1]:
            for media in _ranges(match[1].lower()):
                if media in self._accepts:
                    return self._accepts[media]
        came = f"content-type {content_type[:80]!r}" if content_type else f"no content-type, which means {_UNTYPED}"
        raise RequestError(415, f"{came}; accepted is {', '.join(self._accepts) or 'no natural content'}")

    def _find_answer(self, accept: str | None) -> tuple[str, str]:
        weights = _weights(accept) if accept and accept.strip() else {"*/*": 1.0}
        best, chosen = 0.0, ""
        for media in self._answers:
            weight = next((weights[wide] for wide in _ranges(media) if wide in weights), 0.0)
            if weight > best:
                best, chosen = weight, media
        if not chosen:
            offered = ", ".join(self._answers) or "nothing by natural content"
            raise RequestError(406, f"accept {(accept or '')[:80]!r}; offered is {offered}")
        return chosen, self._answers[chosen]


def to_tensor(body: bytes, tensor: TensorType) -> Tensor:
    """The body as the one element of a BYTES tensor; it is not copied.

    Raises `RequestError` 400 when `tensor` holds text and the body is no UTF-8. Whether JSON is JSON is seen by the
    step that decodes it.
    """
    if tensor.element == "text":
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise RequestError(
                400, f"the body is no UTF-8 text: byte {error.start} is {body[error.start]:#04x}"
            ) from None
    array = one(body)
    return array if len(tensor.shape) == 1 else array.reshape((1,) * len(tensor.shape))


def from_tensor(array: Tensor, tensor: TensorType, media_type: str) -> bytes:
    """The body of an answer, or one streamed value, as `media_type` wants it.

    Raises `RequestError` 500 when the media type cannot hold it: NaN in JSON, several elements as plain bytes.
    """
    try:
        if _is_json(media_type):
            return _as_json(array, tensor)
        if tensor.dtype != "BYTES":
            return _as_json(array, tensor) if media_type.startswith("text/") else to_binary(array)
        if array.size != 1:
            raise TensorError(f"the answer has {array.size} elements; {media_type} holds exactly one")
        element: bytes | str = array.item()
    except TensorError as error:
        raise RequestError(500, str(error)) from None
    return element.encode() if isinstance(element, str) else element


def chunk(value: bytes, media_type: str) -> bytes:
    """One streamed value as `media_type` frames it: an event, a line, or raw. HTTP's own chunks are `http1`'s part."""
    if media_type == EVENT_STREAM:
        return b"".join([b"data: %b\n" % line for line in _LINE_BREAK.split(value)]) + b"\n"
    if media_type == NDJSON:
        # In JSON a line break stands between tokens only, where a space means the same.
        return _LINE_BREAK.sub(b" ", value) + b"\n"
    return value


def error_chunk(text: str, media_type: str) -> bytes:
    """An error after the first byte, as far as the media type can say it; empty where it cannot."""
    body = error_body(text)
    if media_type == EVENT_STREAM:
        return b"event: error\ndata: %b\n\n" % body
    return body + b"\n" if media_type == NDJSON else b""


def _as_json(array: Tensor, tensor: TensorType) -> bytes:
    if tensor.dtype == "BYTES" and tensor.element == "json":
        if array.size == 1:
            element: bytes | str = array.item()
            return element.encode() if isinstance(element, str) else element
        raw = np.empty(array.size, object)
        raw[:] = [msgspec.Raw(element) for element in array.ravel().tolist()]
        return _encode(raw.reshape(array.shape).tolist())
    values = to_lists("the answer", array)
    if array.size == 1:
        for _ in range(array.ndim):
            values = values[0]
    return _encode(values)


def _is_json(media_type: str) -> bool:
    return media_type in ("application/json", NDJSON) or media_type.endswith("+json")


def _ranges(media: str) -> tuple[str, str, str]:
    """From the narrowest to the widest range that holds `media`."""
    return media, f"{media.partition('/')[0]}/*", "*/*"


def _weights(accept: str) -> dict[str, float]:
    """Media range -> weight. An element that is malformed is left out; a range named twice has its highest weight."""
    weights: dict[str, float] = {}
    for part in _ELEMENT.findall(accept):
        element = _QUOTED.sub("", part)
        media = _MEDIA.match(element)
        weight = _WEIGHT.search(element)
        if media is None or (weight is None and _ANY_WEIGHT.search(element)):
            continue
        name = media[1].lower()
        weights[name] = max(weights.get(name, 0.0), float(weight[1]) if weight else 1.0)
    return weights


def _remember(memory: dict[str | None, Any], key: str | None, value: Any) -> Any:
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value
    return value
