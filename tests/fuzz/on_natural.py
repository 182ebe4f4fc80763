"""Natural content: any Content-Type and Accept, any body, any values to answer with.

Held: 415, 406 or one of what is offered; a header costs time in proportion to its length (the fuzzer's clock sees to
that); an event and a line of a stream can be read back.
"""

from __future__ import annotations

import json
from functools import cache

import numpy as np

from longspan.base.errors import RequestError
from longspan.base.signatures import TensorType
from longspan.wire.natural import EVENT_STREAM, NDJSON, Negotiator, chunk, error_chunk, from_tensor, to_tensor
from tests.fuzz.given import expanded, sound, steered

_ACCEPTS = {"image/*": "image", "text/plain": "text", "application/json": "json", "*/*": "any"}
_ANSWERS = {"application/json": "found", "text/plain": "text", "image/png": "image", EVENT_STREAM: "found"}
_TEXT, _RAW = TensorType("BYTES", (1,), "text"), TensorType("BYTES", (1,))


@cache
def _negotiators() -> tuple[Negotiator, Negotiator]:
    return Negotiator(_ACCEPTS, _ANSWERS), Negotiator({"image/png": "image"}, {"image/png": "image"})


def run(data: bytes) -> None:
    """Raises when something that is held above does not."""
    steering, raw = steered(data)
    head, _, body = expanded(raw).partition(b"\x1e")
    text = head.decode("latin-1")
    broad, narrow = _negotiators()
    for negotiator, known in ((broad, _ACCEPTS.values()), (narrow, ["image"])):
        _negotiated(negotiator, text, known)
    if not steering or steering[0] % 2:
        _headers_by_themselves(text)
    _body(body)
    _streamed(body)


def _negotiated(negotiator: Negotiator, text: str, known: object) -> None:
    try:
        name = negotiator.input_for(text)
    except RequestError as error:
        assert error.status == 415
        sound(error.problem, text.encode("latin-1"))
    else:
        assert name in list(known)  # type: ignore[call-overload]
    try:
        media, output = negotiator.answer_for(text)
    except RequestError as error:
        assert error.status == 406
        sound(error.problem, text.encode("latin-1"))
    else:
        assert _ANSWERS[media] == output


def _headers_by_themselves(text: str) -> None:
    """What is asked for after whatever else is still offered, unless a quote has swallowed it."""
    if '"' in text:
        return
    broad, _ = _negotiators()
    media, _ = broad.answer_for(f"{text},application/json;q=1")
    assert media in _ANSWERS


def _body(body: bytes) -> None:
    try:
        array = to_tensor(body, _TEXT)
    except RequestError as error:
        assert error.status == 400
        sound(error.problem, body)
    else:
        assert json.loads(from_tensor(array, _TEXT, "application/json")) == body.decode()
    array = to_tensor(body, _RAW)
    assert from_tensor(array, _RAW, "application/octet-stream") == body
    several = np.array([body, b"x"], object)
    try:
        from_tensor(several, _RAW, "image/png")
    except RequestError as error:
        assert error.status == 500
    else:
        raise AssertionError("two elements in one picture")


def _streamed(value: bytes) -> None:
    """An event as the browser reads it (HTML Living Standard, 9.2.6), a line as it is."""
    assert chunk(value, "application/octet-stream") == value
    event = chunk(value, EVENT_STREAM)
    assert event.endswith(b"\n\n")
    assert b"\n\n" not in event[:-2], "an event that ends before its end"
    lines = event[:-2].split(b"\n")
    assert all(line.startswith(b"data: ") for line in lines)
    came = b"\n".join(line[6:] for line in lines)
    assert came == value.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    line = chunk(value, NDJSON)
    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    assert b"\r" not in line
    said = error_chunk(value.decode("latin-1"), EVENT_STREAM)
    assert said.count(b"\n") == 3
