"""Frames of HTTP/2, as few as hostility needs. Source: RFC 9113 (4.1: frames), RFC 7541 (6: header fields)."""

from __future__ import annotations

import contextlib
import select
import socket
import time

from tests.hostile.case import WITHIN_SECONDS

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GOAWAY = 7
_LIVE = b"\x82\x86\x01\x01x\x04\x0f/v2/health/live"
"""Fields of a GET of that path: method and scheme from the static table, authority and path in words."""


def frame(kind: int, stream: int = 0, payload: bytes = b"", *, flags: int = 0, length: int | None = None) -> bytes:
    """One frame; `length`: what it says of itself, when that is not true."""
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def get(stream: int, more: bytes = b"") -> bytes:
    """A whole GET without a body; `more` fields behind its own."""
    return frame(1, stream, _LIVE + more, flags=0x05)


def goes_away(client: socket.socket, hostile: bytes) -> bool:
    """Send that and read: does the other side end the connection, or only what was wrong on it?

    True when it was closed, told so (GOAWAY), or the stream was refused or reset, within bounded time.
    """
    come, left, end = b"", memoryview(hostile), time.monotonic() + WITHIN_SECONDS
    client.setblocking(False)
    with contextlib.suppress(ConnectionError):
        while time.monotonic() < end:
            reads, writes, _ = select.select([client], [client] if left else [], [], 0.2)
            if reads:
                part = client.recv(1 << 16)
                if not part:
                    return True
                come += part
            elif writes:
                left = left[client.send(left[: 1 << 16]) :]
            elif kinds(come) & {1, 3, GOAWAY}:
                return True
        return False
    return True


def kinds(come: bytes) -> set[int]:
    """Of the frames that have come."""
    found = set()
    while len(come) >= 9:
        found.add(come[3])
        come = come[9 + int.from_bytes(come[:3], "big") :]
    return found
