"""HTTP/1.1 answers as bytes (RFC 9110, RFC 9112). Parsing is httptools in `serving.protocol`.

Stub: signatures first, bodies follow.
"""

from __future__ import annotations

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


def response(
    status: int,
    content_type: bytes,
    body: bytes,
    *,
    keep_alive: bool = True,
    extra: bytes = b"",
) -> bytes:
    """A whole answer. `extra`: ready header lines, each ending with CRLF (see `header`). No Date: the gateway adds it."""
    raise NotImplementedError


def header(name: bytes, value: bytes) -> bytes:
    """``name: value\\r\\n``. Raises `ValueError` on CR, LF or NUL in the value."""
    raise NotImplementedError


def stream_head(status: int, content_type: bytes, *, keep_alive: bool = True, extra: bytes = b"") -> bytes:
    """Head of an answer whose body follows in chunks (``transfer-encoding: chunked``)."""
    raise NotImplementedError


def stream_chunk(data: bytes) -> bytes:
    """One chunk; empty data gives empty bytes (an empty chunk would end the body). End with `LAST_CHUNK`."""
    raise NotImplementedError


def reason(status: int) -> bytes:
    """Reason phrase."""
    raise NotImplementedError
