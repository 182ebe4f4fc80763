"""A hostile request, how it is sent, and what may be said to it: the same for a worker's socket and for the gateway.

`answered` sends a case over a connection of its own and fails unless the answer has the form of the protocol, tells
nothing of the machine, and leaves the connection either closed or in step: the next request must get its own answer.
"""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import time
from typing import NamedTuple

from benchmarks import tiny

WITHIN_SECONDS = 20.0
BODY = tiny.infer_body()
INFER = b"POST /v2/models/tiny/infer HTTP/1.1\r\nhost: x\r\n"
GOOD = INFER + b"content-length: %d\r\n\r\n%b" % (len(BODY), BODY)
HIDDEN = b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n"
"""Stands behind a request whose end can be read in two ways: it must not be answered unless it is one."""
MOST_TEXT = 600
TELLTALE = re.compile(r"/(?:home|root|tmp|usr|var|work|proc)\b|\.py\b|Traceback|File \"|site-packages|0x[0-9a-f]{6}")


class Case(NamedTuple):
    """One request, as bytes, and what must come back."""

    raw: bytes
    status: int
    """Of a worker's answer."""
    says: str = ""
    """Stands in the text of its error."""
    gateway: int | None = None
    """Status at the gateway, where it answers by itself or reads more leniently; None: the worker's answer."""


class Got(NamedTuple):
    """The first answer on a connection."""

    status: int
    headers: dict[str, str]
    body: bytes
    rest: bytes
    """What came behind it."""

    @property
    def error(self) -> str:
        """The text of an OIP error; fails where it is none."""
        told = json.loads(self.body)
        assert list(told) == ["error"], told
        text = told["error"]
        assert isinstance(text, str)
        return text


def answered(client: socket.socket, case: Case, *, at_gateway: bool) -> Got:
    """Send `case`, judge the answer, and try what the connection is worth afterwards."""
    own = case.gateway if at_gateway else None
    got = ask(client, case.raw)
    assert got.status == (own or case.status), got
    if got.status >= 400:
        judge(got, "" if own else case.says)
    closes = got.headers.get("connection", "").lower() == "close"
    if closes:
        assert b"HTTP/" not in got.rest + to_the_end(client), "something behind a broken request was answered"
    else:
        assert not got.rest, got
        assert ask(client, GOOD).status == 200, "the connection is out of step"
    return got


def judge(got: Got, says: str = "") -> None:
    """An error has the protocol's form, says so much, and nothing of this machine."""
    assert got.headers["content-type"] == "application/json", got
    text = got.error
    assert says in text, text
    assert text
    assert len(text) <= MOST_TEXT, text
    assert not TELLTALE.search(text), text


def ask(client: socket.socket, raw: bytes) -> Got:
    """Send while the other side reads, and read until one answer is whole. Sends no more once it is."""
    come, left, end = b"", memoryview(raw), time.monotonic() + WITHIN_SECONDS
    client.setblocking(False)
    while (got := parse(come)) is None:
        reads, writes, _ = select.select([client], [client] if left else [], [], max(0.0, end - time.monotonic()))
        assert reads or writes, f"nothing for {WITHIN_SECONDS:g} s; came {come[:300]!r}"
        try:
            if reads:
                part = client.recv(1 << 16)
                assert part, f"closed without an answer; came {come[:300]!r}"
                come += part
            elif writes:
                left = left[client.send(left[: 1 << 20]) :]
        except (BrokenPipeError, ConnectionResetError):
            assert left, f"reset before the answer was whole; came {come[:300]!r}"
            left = left[:0]  # it has heard enough
    return got


def to_the_end(client: socket.socket) -> bytes:
    """What still comes until the other side closes, having heard that we are done."""
    client.settimeout(WITHIN_SECONDS)
    come = b""
    with contextlib.suppress(OSError):  # it may have closed already
        client.shutdown(socket.SHUT_WR)
    with contextlib.suppress(ConnectionError):
        while part := client.recv(1 << 16):
            come += part
    return come


def parse(come: bytes) -> Got | None:
    """The first answer in what has come; None while it is not whole. ``100 Continue`` is passed over."""
    head, found, rest = come.partition(b"\r\n\r\n")
    if not found:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    status = int(first.split(" ")[1])
    if status == 100:
        return parse(rest)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", 0))
    return Got(status, headers, rest[:length], rest[length:]) if len(rest) >= length else None


def chunked(body: bytes) -> bytes:
    """One chunk, and the last."""
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
