"""Large bodies, received into the memory that they stay in.

The parser would have a body copied three times: out of the loop's buffer, out of the parser, into one piece. Where the
length has been announced nothing is left to parse, so the kernel writes to where the tensors will be read. A connection
that has brought one large body will bring more: from then on it is read in small pieces between bodies, so that little
of the next one comes along with its head.
"""

from __future__ import annotations

import asyncio
from time import monotonic_ns
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from longspan.serving.protocol import Connection

LEAST = 64 << 10
"""Bytes that must still come for this to pay."""
HEAD_BYTES = 16 << 10
"""Read at once between bodies."""


class Filling(asyncio.BufferedProtocol):
    """What the transport talks to, on behalf of a connection that has had a large body."""

    __slots__ = ("_at", "_body", "_connection", "_head")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._head = memoryview(bytearray(HEAD_BYTES))
        self._body: memoryview | None = None
        """What is being received."""
        self._at = 0
        transport = connection.transport
        # How a transport reads is settled when it begins to.
        reading = transport.is_reading()
        if reading:
            transport.pause_reading()
        transport.set_protocol(self)
        if reading:
            transport.resume_reading()

    def begin(self, length: int, come: list[bytes]) -> None:
        """A body of `length` bytes is on its way; `come`: its first parts, taken over."""
        self._body = np.empty(length, "u1").data
        first = joined(come)
        self._at = len(first)
        self._body[: self._at] = first

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._head if self._body is None else self._body[self._at :]

    def buffer_updated(self, nbytes: int) -> None:
        connection, body = self._connection, self._body
        if body is None:
            connection.data_received(bytes(self._head[:nbytes]))
        elif connection.receiving:  # else it was refused meanwhile, and what still comes is thrown away
            connection.since = monotonic_ns()
            self._at += nbytes
            if self._at == len(body):
                self._body = None
                connection.filled(body)

    def eof_received(self) -> None:
        self._connection.eof_received()

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.connection_lost(exc)


def joined(parts: list[bytes]) -> bytes:
    """All parts in one; the list is empty then, for the next request."""
    whole = b"".join(parts)
    parts.clear()
    return whole
