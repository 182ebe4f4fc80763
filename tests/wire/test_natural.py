"""Natural content: which input a body becomes, which answer a client gets, and how it looks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.errors import RequestError
from longspan.base.signatures import TensorType
from longspan.wire.natural import Negotiator, chunk, error_chunk, from_tensor, to_tensor

ACCEPTS = {"*/*": "any", "image/*": "image", "image/png": "png", "text/plain": "text"}
ANSWERS = {"application/json": "result", "text/plain": "line", "image/png": "picture"}
BOTH = Negotiator(ACCEPTS, ANSWERS)


@pytest.mark.parametrize(
    ("content_type", "name"),
    [
        ("image/png", "png"),
        ("Image/PNG", "png"),
        ("image/png; charset=binary", "png"),
        ("image/jpeg", "image"),
        ("text/plain;charset=utf-8", "text"),
        ("text/html", "any"),
        ("application/octet-stream", "any"),
        ("  text/plain  ", "text"),
        (None, "any"),
        ("", "any"),
    ],
)
def test_the_most_specific_range_takes_the_body(content_type: str | None, name: str) -> None:
    assert BOTH.input_for(content_type) == name


@pytest.mark.parametrize(
    ("accepts", "content_type", "problem"),
    [
        ({"image/*": "x"}, "text/plain", "content-type 'text/plain'; accepted is image/*"),
        ({"image/*": "x"}, None, "no content-type, which means application/octet-stream; accepted is image/*"),
        ({"image/*": "x", "text/plain": "y"}, "image", "content-type 'image'; accepted is image/*, text/plain"),
        ({"*/*": "x"}, "*/*", "content-type '*/*'; accepted is */*"),
        ({"*/*": "x"}, "text/", "content-type 'text/'; accepted is */*"),
        ({}, "text/plain", "content-type 'text/plain'; accepted is no natural content"),
    ],
)
def test_a_body_that_nothing_accepts_is_415(accepts: dict[str, str], content_type: str | None, problem: str) -> None:
    with pytest.raises(RequestError) as caught:
        Negotiator(accepts, ANSWERS).input_for(content_type)
    assert (caught.value.status, caught.value.problem) == (415, problem)


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/plain", "text/plain"),
        ("TEXT/Plain", "text/plain"),
        ("text/*", "text/plain"),
        ("image/*, text/*;q=0.9", "image/png"),
        ("image/*;q=0.5, text/*;q=0.9", "text/plain"),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "application/json"),
        ("*/*, application/json;q=0", "text/plain"),
        ("application/json;q=0.1, */*;q=0.2", "text/plain"),
        ("text/plain;format=flowed", "text/plain"),
        ('text/plain;a="x,y;q=0", image/png;q=0.5', "text/plain"),
        ("image/png;q=0.5;x=1, text/plain;q=0.50", "text/plain"),
        ("nonsense, image/png", "image/png"),
        ("text/plain;q=high, image/png;q=0.001", "image/png"),
    ],
)
def test_the_client_gets_what_it_weighs_highest_and_the_first_among_equals(accept: str | None, media: str) -> None:
    assert BOTH.answer_for(accept) == (media, ANSWERS[media])


@pytest.mark.parametrize(
    "accept", ["audio/*", "application/json;q=0", "text/html, image/gif", "nonsense", ",,,", "*/*;q=0"]
)
def test_an_answer_that_nobody_can_give_is_406(accept: str) -> None:
    with pytest.raises(RequestError) as caught:
        BOTH.answer_for(accept)
    assert caught.value.status == 406
    assert caught.value.problem == f"accept {accept!r}; offered is application/json, text/plain, image/png"


@given(
    st.text(max_size=60) | st.lists(st.sampled_from(["*/*", "a/b", ";q=", "0.5", ",", '"', "text", "\\"])).map("".join)
)
def test_any_header_is_negotiated_or_refused_twice_alike(header: str) -> None:
    negotiator = Negotiator({"text/*": "x"}, ANSWERS)
    for decide, status in ((negotiator.input_for, 415), (negotiator.answer_for, 406)):
        assert _outcome(decide, header, status) == _outcome(decide, header, status)


def _outcome(decide: Any, header: str, status: int) -> Any:
    try:
        return decide(header)
    except RequestError as error:
        assert error.status == status  # noqa: PT017 - either outcome is right; any other exception is the failure
        return error.problem


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", ['\\"', '"', '";', '","', ";q=", 'a/b;x="\\', ", "])
def test_a_header_full_of_quotes_that_nothing_closes_costs_no_more_than_its_length(piece: str) -> None:
    # Looking for the end of each took half a minute of the loop for 60 kB.
    header = 'a/b;x="' + piece * (60_000 // len(piece))
    with pytest.raises(RequestError):
        Negotiator(ACCEPTS, {"image/png": "picture"}).answer_for(header)


def test_a_quote_that_nothing_closes_goes_on_to_the_end() -> None:
    assert BOTH.answer_for('text/plain, image/png;x="y, application/json')[0] == "text/plain"


def test_what_is_remembered_is_bounded() -> None:
    negotiator = Negotiator({"*/*": "x"}, ANSWERS)
    for number in range(1_000):
        negotiator.input_for(f"text/x-{number}")
        negotiator.answer_for(f"text/x-{number}, */*")
    assert len(negotiator._inputs) <= 64
    assert len(negotiator._outputs) <= 64


def test_a_body_becomes_the_one_element_and_is_not_copied() -> None:
    body = b"\x00anything\xff" * 100
    tensor = to_tensor(body, TensorType("BYTES", (1,)))
    assert tensor.shape == (1,)
    assert tensor[0] is body
    assert to_tensor(body, TensorType("BYTES", ("batch",))).shape == (1,)


def test_text_must_be_text() -> None:
    text = TensorType("BYTES", (1,), "text")
    assert to_tensor("grün".encode(), text)[0] == "grün".encode()
    with pytest.raises(RequestError, match="the body is no UTF-8 text: byte 1 is 0xff") as caught:
        to_tensor(b"a\xff", text)
    assert caught.value.status == 400


def of_bytes(*elements: bytes) -> Any:
    array = np.empty(len(elements), object)
    array[:] = elements
    return array


JSON = TensorType("BYTES", (1,), "json")
RAW = TensorType("BYTES", (1,))
TEXT = TensorType("BYTES", (1,), "text")
SOME = TensorType("BYTES", ("batch",), "json")
SCORES = TensorType("FP32", ("batch", 2))


@pytest.mark.parametrize(
    ("array", "tensor", "media", "body"),
    [
        (of_bytes(b'{"a": 1}'), JSON, "application/json", b'{"a": 1}'),
        (of_bytes(b'{"a": 1}'), JSON, "application/problem+json", b'{"a": 1}'),
        (of_bytes(b"1", b"[2]"), SOME, "application/json", b"[1,[2]]"),
        (of_bytes(b"a\nb"), RAW, "application/json", b'"a\\nb"'),
        (of_bytes(b"a\nb"), TEXT, "text/plain", b"a\nb"),
        (of_bytes(b"\xff"), RAW, "application/octet-stream", b"\xff"),
        (of_bytes(b"\x89PNG"), RAW, "image/png", b"\x89PNG"),
        (np.array([[0.5, 1.0]], "f4"), SCORES, "application/json", b"[[0.5,1.0]]"),
        (np.array([[0.5, 1.0], [0.0, 2.0]], "f4"), SCORES, "application/json", b"[[0.5,1.0],[0.0,2.0]]"),
        (np.array([7]), TensorType("INT64", (1,)), "application/json", b"7"),
        (np.array([[True]]), TensorType("BOOL", ("batch", 1)), "application/json", b"true"),
        (np.array(2.5), TensorType("FP64", ()), "application/json", b"2.5"),
        (np.zeros((0, 4)), TensorType("FP64", ("n", 4)), "application/json", b"[]"),
        (np.array([7]), TensorType("INT64", (1,)), "text/plain", b"7"),
        (np.array([[0.5, 1.0]], "f4"), SCORES, "application/octet-stream", b"\0\0\0?\0\0\x80?"),
    ],
)
def test_an_output_becomes_the_answer_of_its_media_type(
    array: Any, tensor: TensorType, media: str, body: bytes
) -> None:
    assert from_tensor(array, tensor, media) == body


@pytest.mark.parametrize(
    ("array", "tensor", "media", "problem"),
    [
        (np.array([[0.5, np.nan]], "f4"), SCORES, "application/json", "the answer holds nan at element 1"),
        (of_bytes(b"\xff"), RAW, "application/json", "the answer holds bytes that are no UTF-8 text"),
        (of_bytes(b"a", b"b"), RAW, "text/plain", "the answer has 2 elements; text/plain holds exactly one"),
    ],
)
def test_an_answer_that_its_media_type_cannot_hold_is_a_500(
    array: Any, tensor: TensorType, media: str, problem: str
) -> None:
    with pytest.raises(RequestError, match=problem) as caught:
        from_tensor(array, tensor, media)
    assert caught.value.status == 500


@pytest.mark.parametrize(
    ("value", "media", "framed"),
    [
        (b'{"a":1}', "text/event-stream", b'data: {"a":1}\n\n'),
        (b"one\ntwo\r\nthree\rfour", "text/event-stream", b"data: one\ndata: two\ndata: three\ndata: four\n\n"),
        (b"", "text/event-stream", b"data: \n\n"),
        (b'{"a":\n1}', "application/x-ndjson", b'{"a": 1}\n'),
        (b"raw\n", "application/octet-stream", b"raw\n"),
    ],
)
def test_a_streamed_value_is_framed_as_its_media_type_wants(value: bytes, media: str, framed: bytes) -> None:
    assert chunk(value, media) == framed


@given(st.lists(st.text(st.sampled_from("ab \n\r:"), max_size=6).map(str.encode), max_size=4))
def test_event_stream_readers_get_the_values_back_line_for_line(values: list[bytes]) -> None:
    stream = b"".join(chunk(value, "text/event-stream") for value in values)
    events = [_data(event) for event in stream.split(b"\n\n")[:-1]]
    assert events == [value.replace(b"\r\n", b"\n").replace(b"\r", b"\n") for value in values]


def _data(event: bytes) -> bytes:
    """As an event stream reader puts a block together: what follows ``data:`` and at most one space, line by line."""
    lines = event.split(b"\n")
    assert all(line.startswith(b"data: ") for line in lines)
    return b"\n".join(line.removeprefix(b"data: ") for line in lines)


def test_an_error_after_the_first_byte_is_told_where_the_media_type_can() -> None:
    assert error_chunk("no", "text/event-stream") == b'event: error\ndata: {"error":"no"}\n\n'
    assert error_chunk("no", "application/x-ndjson") == b'{"error":"no"}\n'
    assert error_chunk("\udcff", "application/x-ndjson") == b'{"error":"\\\\udcff"}\n'
    assert error_chunk("no", "application/octet-stream") == b""
