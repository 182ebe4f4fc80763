"""What in the head of a request is refused, and when does that end the connection?

Pure. Sources: RFC 9112 (6.1: framing that cannot be trusted), RFC 9110 (10.1.1: expectations), RFC 6585 (431).
Content codings stand in `inflating`. `TIMEOUT` is our own: what one worker grants another of its request's time, and
any client itself.
"""

from __future__ import annotations

import httptools

from longspan.base.errors import RequestError

MOST_URL_BYTES = 8 << 10
MOST_FIELDS = 128
MOST_HEAD_BYTES = 64 << 10
"""Of names and values, each header counting 4 more for what stands between them."""

TOO_LARGE = RequestError(
    431,
    f"the request's head, or what its chunks carry beside the body, is larger than {MOST_HEAD_BYTES} bytes "
    f"or {MOST_FIELDS} headers",
)

HTTP_1_ONLY = RequestError(501, "this server speaks HTTP/1.1 and changes to nothing else")

TIMEOUT = b"longspan-timeout-ms"
"""Header: so many milliseconds the caller will wait for the answer."""
MOST_TIMEOUT_DIGITS = 12

ATTEMPT, FIRST = b"x-envoy-attempt-count", b"1"
"""Header of the gateway's: how often it has sent this request, this time included."""

none_is_odd = frozenset((b"connection", b"content-encoding", b"expect", TIMEOUT, b"transfer-encoding")).isdisjoint
"""Are there no headers among these that change how a request is read or answered? Most requests have none."""


class Refused(Exception):
    """The request cannot be read to its end: answer so, and close."""

    def __init__(self, error: RequestError) -> None:
        self.error = error
        super().__init__(error.problem)


def measure(url: bytes, fields: dict[bytes, bytes]) -> None:
    """Raises `Refused` 414 or 431."""
    if len(url) > MOST_URL_BYTES:
        raise Refused(RequestError(414, f"the path is longer than {MOST_URL_BYTES} bytes"))
    size = sum(len(name) + len(value) + 4 for name, value in fields.items())
    if size > MOST_HEAD_BYTES or len(fields) > MOST_FIELDS:
        raise Refused(TOO_LARGE)


def unusual(fields: dict[bytes, bytes], *, old: bool, upgrade: bool) -> RequestError | None:
    """What such a request is answered with once it has been read; None when it is taken like any other.

    `old`: it is HTTP/1.0. Raises `Refused` where nobody could say where the next request begins.
    """
    if upgrade:
        raise Refused(HTTP_1_ONLY)
    if b"transfer-encoding" in fields:
        if old or b"content-length" in fields:
            raise Refused(RequestError(400, "transfer-encoding together with content-length, or in HTTP/1.0"))
        if fields[b"transfer-encoding"].lower() != b"chunked":
            raise Refused(RequestError(501, "the only transfer-encoding that is read is chunked"))
    if not old and fields.get(b"expect", b"100-continue").lower() != b"100-continue":
        raise Refused(RequestError(417, "the only expectation that is met is 100-continue"))
    if TIMEOUT in fields and time_left(fields) is None:
        shown = fields[TIMEOUT][:40].decode("latin-1")
        return RequestError(400, f"{TIMEOUT.decode()} is {shown!r}, expected a number of milliseconds")
    return None


def time_left(fields: dict[bytes, bytes]) -> int | None:
    """Nanoseconds that the caller will wait; None when its header is no number."""
    text = fields[TIMEOUT]
    if not text.isdigit() or len(text) > MOST_TIMEOUT_DIGITS:
        return None
    return int(text) * 1_000_000


def malformed(error: httptools.HttpParserError) -> RequestError:
    """What is said of bytes that the parser could not read."""
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        return RequestError(501, "unknown method")
    if "PRI" in str(error):
        return HTTP_1_ONLY  # HTTP/2 without having been asked
    return RequestError(400, f"malformed HTTP/1.1: {error}")
