"""HTTP/1.1 answers as bytes. Reading requests is httptools' part, in `serving.protocol`.

Lines that repeat are made once: a whole answer is a single formatting of bytes. There is no Date (RFC 9110, 6.6.1, lets
a server that stands behind another leave it out; the gateway adds its own).

Sources: RFC 9110 (semantics), RFC 9112 (framing).
"""

from __future__ import annotations

from http import HTTPStatus

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""Sent before the body of a request with ``expect: 100-continue`` is read (RFC 9110, 10.1.1)."""
LAST_CHUNK = b"0\r\n\r\n"
"""Ends a chunked body (RFC 9112, 7.1)."""

NOT_BEGUN = b"longspan-not-begun"
"""Header of a worker's refusal, for the gateway alone: nothing of this request has begun, another may take it."""

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus} | {499: b"Client Closed Request"}
_START = {status: b"HTTP/1.1 %d %b\r\n" % (status, phrase) for status, phrase in _REASONS.items()}
_BODILESS = frozenset({204, 304})
"""May not announce a length for a body that they do not have (RFC 9110, 8.6; RFC 9112, 6.3)."""
_CLOSE = b"connection: close\r\n"


def response(status: int, content_type: bytes, body: bytes, *, keep_alive: bool = True, extra: bytes = b"") -> bytes:
    """A whole answer. `extra`: ready header lines, each ending in CRLF (see `header`).

    Without `keep_alive` the answer says that the connection is closed after it; closing is the caller's part.
    """
    if status in _BODILESS:
        return b"%b%b%b\r\n" % (_start(status), extra, b"" if keep_alive else _CLOSE)
    return b"%bcontent-type: %b\r\ncontent-length: %d\r\n%b%b\r\n%b" % (
        _start(status), content_type, len(body), extra, b"" if keep_alive else _CLOSE, body
    )  # fmt: skip


def response_head(
    status: int, content_type: bytes, length: int, *, keep_alive: bool = True, extra: bytes = b""
) -> bytes:
    """Head of an answer whose body of `length` bytes follows by itself. Not for a status without a body."""
    return b"%bcontent-type: %b\r\ncontent-length: %d\r\n%b%b\r\n" % (
        _start(status), content_type, length, extra, b"" if keep_alive else _CLOSE
    )  # fmt: skip


def template(status: int, content_type: bytes) -> bytes:
    """What ``% (len(body), body)`` makes a whole, kept-alive answer of: for answers of which there are very many."""
    return b"%bcontent-type: %b\r\ncontent-length: %%d\r\n\r\n%%b" % (_start(status), content_type.replace(b"%", b"%%"))


def stream_head(status: int, content_type: bytes, *, keep_alive: bool = True, extra: bytes = b"") -> bytes:
    """Head of an answer whose body follows in chunks (RFC 9112, 7.1), as `stream_chunk` and `LAST_CHUNK` make them."""
    return b"%bcontent-type: %b\r\ntransfer-encoding: chunked\r\n%b%b\r\n" % (
        _start(status), content_type, extra, b"" if keep_alive else _CLOSE
    )  # fmt: skip


def stream_chunk(data: bytes) -> bytes:
    """One chunk; no data gives no bytes, since an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def header(name: bytes, value: bytes) -> bytes:
    """One header line. Raises `ValueError` on CR, LF or NUL in the value: it would start a line of its own."""
    if b"\r" in value or b"\n" in value or b"\0" in value:
        raise ValueError(f"the value of header {name.decode('latin-1')} holds a line break or NUL")
    return b"%b: %b\r\n" % (name, value)


def reason(status: int) -> bytes:
    """Reason phrase (RFC 9110, 15); empty for a status without one, which RFC 9112, 4 allows."""
    return _REASONS.get(status, b"")


def _start(status: int) -> bytes:
    return _START.get(status) or b"HTTP/1.1 %d \r\n" % status
