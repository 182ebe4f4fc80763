"""Answers as HTTP/1.1 bytes, read back by two independent readers."""

from __future__ import annotations

from http.client import HTTPResponse
from io import BytesIO

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.wire.http1 import CONTINUE, LAST_CHUNK, header, reason, response, stream_chunk, stream_head


class _Socket:
    """What http.client wants of a socket: something to read."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def makefile(self, mode: str) -> BytesIO:
        assert mode == "rb"
        return BytesIO(self._content)


def read(content: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body as http.client reads them."""
    answer = HTTPResponse(_Socket(content))  # type: ignore[arg-type]
    answer.begin()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def read_h11(content: bytes) -> bytes:
    """The body as h11 reads it, which takes nothing that RFC 9112 forbids."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(content)
    body = b""
    while not isinstance(event := client.next_event(), h11.EndOfMessage):
        assert event is not h11.NEED_DATA
        body += bytes(event.data) if isinstance(event, h11.Data) else b""
    return body


@given(st.sampled_from([200, 400, 404, 413, 499, 500, 503]), st.binary(max_size=64), st.booleans())
def test_an_answer_is_read_back_whole(status: int, body: bytes, keep_alive: bool) -> None:
    content = response(status, b"text/plain", body, keep_alive=keep_alive, extra=header(b"x-request-id", b"7"))
    came, headers, read_body = read(content)
    assert (came, read_body) == (status, body)
    assert headers["content-type"] == "text/plain"
    assert headers["content-length"] == str(len(body))
    assert headers["x-request-id"] == "7"
    assert headers.get("connection") == (None if keep_alive else "close")
    assert read_h11(content) == body


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_a_stream_is_read_back_chunk_by_chunk(parts: list[bytes]) -> None:
    content = stream_head(200, b"text/event-stream") + b"".join(map(stream_chunk, parts)) + LAST_CHUNK
    _, headers, body = read(content)
    assert headers["transfer-encoding"] == "chunked"
    assert "content-length" not in headers
    assert body == b"".join(parts)
    assert read_h11(content) == body


def test_an_empty_part_does_not_end_the_stream() -> None:
    assert stream_chunk(b"") == b""


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_announces_none(status: int) -> None:
    assert b"content-length" not in response(status, b"text/plain", b"")


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"a\0b"])
def test_a_header_value_cannot_start_another_line(value: bytes) -> None:
    with pytest.raises(ValueError, match="the value of header x-request-id holds a line break or NUL"):
        header(b"x-request-id", value)


def test_statuses_have_their_phrases() -> None:
    assert response(503, b"t/t", b"").startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert reason(499) == b"Client Closed Request"
    assert reason(599) == b""
    assert response(599, b"t/t", b"").startswith(b"HTTP/1.1 599 \r\n")
    assert CONTINUE == b"HTTP/1.1 100 Continue\r\n\r\n"
