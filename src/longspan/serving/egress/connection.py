"""One HTTP/1.1 connection to the egress socket: a request out, its answer in.

A small answer goes through the parser whole. Of a large one only the head does: its body is received into the memory
that it stays in, so a megabyte is copied once, by the kernel.

Sources: RFC 9112 (framing), RFC 9110 (interim answers).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import httptools
import msgspec
import numpy as np

from longspan.wire.tensors import Buffer

MOST_HEAD_BYTES = 64 << 10
HEAD_BYTES = 16 << 10
"""Read at once, as long as the body is not being received."""

FINAL = 200
"""A status below it is only interim: the answer is still to come (RFC 9110, 15.2)."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What came back."""

    status: int
    fields: dict[bytes, bytes]
    """Headers, names in lower case; of one that comes twice the first counts."""
    body: Buffer


class TooLarge(Exception):
    """There is an answer, and more of it than is taken."""


class Lost(Exception):
    """There is no answer. `untouched`: nor had anything of one come."""

    def __init__(self, problem: str, *, untouched: bool = False) -> None:
        self.untouched = untouched
        super().__init__(problem)


class Connection(asyncio.BufferedProtocol):
    """One request at a time. Owned by the event loop."""

    __slots__ = (
        "_body", "_fields", "_future", "_head", "_keep", "_length", "_loop", "_most", "_parsed", "_parser", "_received",
        "_size", "_started", "_transport", "idle", "usable",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, most_bytes: int) -> None:
        """`most_bytes`: of an answer's body."""
        self._loop, self._most = loop, most_bytes
        self._head = memoryview(bytearray(HEAD_BYTES))
        self._future: asyncio.Future[Answer] | None = None
        self.usable = False
        """May a request be sent?"""
        self.idle = 0
        """Ticks without a request, see `Caller.tick`."""
        self._reset()

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._fields: dict[bytes, bytes] = {}
        self._parsed = bytearray()
        """Of the body, what has come through the parser."""
        self._body: memoryview | None = None
        """All of a body whose rest does not."""
        self._length = -1
        """Of the body, as announced; -1 without an announcement."""
        self._received = self._size = 0
        """Bytes of the body that have come, and of the head."""
        self._started = self._keep = False

    def ask(self, parts: Sequence[Buffer]) -> asyncio.Future[Answer]:
        """Send a request; its answer, `Lost` or `TooLarge`. Only if `usable`. No part may change before the answer."""
        self.usable = False
        self._future = future = self._loop.create_future()
        self._transport.writelines(parts)
        return future

    def close(self) -> None:
        """At once, whatever is under way; nobody is told."""
        self._future, self.usable = None, False
        self._transport.abort()

    # The transport calls -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.usable = True

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._head if self._body is None else self._body[self._received :]

    def buffer_updated(self, nbytes: int) -> None:
        if self._body is not None:
            self._received += nbytes
            if self._received == self._length:
                self._complete(self._body)
            return
        self._started = True
        self._size += nbytes
        try:
            self._parser.feed_data(self._head[:nbytes])
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, TooLarge):
                self._end(cause)
            else:
                self._lose(str(cause) if isinstance(cause, Lost) else f"the answer is no HTTP/1.1: {error}")
            return
        if self._size - self._received > MOST_HEAD_BYTES:
            self._lose("the head of the answer is too large")

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose("the connection was closed")

    # The parser calls --------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._future is None:
            raise Lost("something came that was not asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        self._keep = self._parser.should_keep_alive()
        length = self._fields.get(b"content-length")
        if length is not None:
            self._length = int(length)  # the parser has seen to it that it is a number
        if self._length > self._most:
            raise TooLarge(f"the answer is larger than {self._most} bytes")

    def on_body(self, part: bytes) -> None:
        self._received += len(part)
        if self._received > self._most:
            raise TooLarge(f"the answer is larger than {self._most} bytes")
        self._parsed += part
        if self._received < self._length and self._length > HEAD_BYTES:
            # Not zeroed, as a bytearray would be. What has come is copied, the rest arrives in place.
            self._body = np.empty(self._length, "u1").data
            self._body[: self._received] = self._parsed

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < FINAL:
            self._fields = {}
        else:
            self._complete(self._parsed)

    # Ends --------------------------------------------------------------------------------------------------

    def _complete(self, body: Buffer) -> None:
        future, self._future = self._future, None
        answer = Answer(self._parser.get_status_code(), self._fields, body)
        # An answer before all of the request was taken leaves the rest of it in the way.
        self.usable = self._keep and not self._transport.get_write_buffer_size()
        self._reset()
        if not self.usable:
            self._transport.abort()
        if future is not None and not future.done():
            future.set_result(answer)

    def _lose(self, problem: str) -> None:
        self._end(Lost(problem, untouched=not self._started))

    def _end(self, error: Exception) -> None:
        future, self._future = self._future, None
        self.usable = False
        self._transport.abort()
        if future is not None and not future.done():
            future.set_exception(error)
