"""One kept connection of the client that never blocks, and all of them together. What `line` is, for asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from longspan.base.errors import LongspanError, Unreachable
from longspan.client.address import Address
from longspan.client.line import IDLE_SECONDS, unwritten
from longspan.client.opening import machines_tls, within_reach
from longspan.client.retries import Cut, NotOpened
from longspan.wire.answers import AnswerReader, BadAnswer, Body

if TYPE_CHECKING:
    import ssl

_HELD_BYTES = 256 << 10
"""Of a stream that its reader has not taken: then no more is read."""


class Line(asyncio.BufferedProtocol):
    """A connection. Owned by its event loop."""

    def __init__(self, url: str, most_bytes: int) -> None:
        """`most_bytes`: of an answer's body."""
        self._url = url
        self.reader = AnswerReader(most_bytes, unwritten)
        """Holds the last answer."""
        self._waiting: asyncio.Future[None] | None = None
        self._error: LongspanError | None = None
        """What ended the answer that is under way, or the connection."""
        self._collect = True
        self._held = bytearray()
        self.since = time.monotonic()
        """When it was last given back."""

    @property
    def usable(self) -> bool:
        """May another request be sent?"""
        reader = self.reader
        # An answer before all of the request was taken leaves the rest of it in the way.
        quiet = self._error is None and not self._transport.get_write_buffer_size()
        return quiet and reader.whole and reader.keep

    @property
    def stale(self) -> bool:
        """Has it been idle for too long, or has the other side closed it?"""
        return not self.usable or time.monotonic() - self.since > IDLE_SECONDS

    async def ask(self, parts: Sequence[Body], *, collect: bool = True) -> None:
        """Send a request and read its answer: all of it, or with `collect` false its head. Raises `Unreachable`."""
        self.reader.expect(collect=collect)
        self._collect = collect
        # From Python 3.12 on an empty part would stay in asyncio's buffer, and the transport never find its end.
        self._transport.writelines([part for part in parts if len(part)])
        while not (self.reader.whole if collect else self.reader.open):
            if self._error is not None:
                raise self._error
            await self._wait()

    async def more(self) -> bytes:
        """The next piece of a body that is not collected; empty at its end. Raises `Unreachable`."""
        while not self._held and not self.reader.whole:
            if self._error is not None:
                raise self._error
            self._transport.resume_reading()
            await self._wait()
        piece, self._held = bytes(self._held), bytearray()
        return piece

    def close(self) -> None:
        """At once."""
        with contextlib.suppress(RuntimeError):  # its loop is closed
            self._transport.abort()

    async def _wait(self) -> None:
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    # The transport calls -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.reader.room()

    def buffer_updated(self, nbytes: int) -> None:
        reader = self.reader
        if reader.whole:
            self._end(Unreachable("sent what nobody asked for", at=self._url))
            return
        try:
            whole = reader.came(nbytes)
        except BadAnswer as error:
            self._end(Unreachable(str(error), at=self._url))
            return
        if not self._collect:
            self._held += reader.take()
            if len(self._held) > _HELD_BYTES and not whole:
                self._transport.pause_reading()
        if whole or not self._collect:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        cut = Cut("closed the connection before the whole answer had come", at=self._url)
        cut.untouched = not self.reader.started
        self._end(cut)

    def _end(self, error: LongspanError) -> None:
        if self._error is None:
            self._error = error
            self._transport.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Lines:
    """The connections of one client: at most so many at a time, the one used last first."""

    def __init__(self, address: Address, most: int, most_bytes: int, tls: ssl.SSLContext | None = None) -> None:
        """`most_bytes`: of an answer's body. `tls`: None for the machine's own certificates."""
        self.url = address.url
        self._address, self._most, self._most_bytes, self._tls = address, most, most_bytes, tls
        self._loop: asyncio.AbstractEventLoop | None = None

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._idle: list[Line] = []
        self._places = asyncio.Semaphore(self._most)

    async def enter(self) -> None:
        """Wait for a place among the connections."""
        if (loop := asyncio.get_running_loop()) is not self._loop:
            # Nobody listens any more to the connections of a loop that has ended.
            self.close()
            self._begin(loop)
        await self._places.acquire()

    def kept(self) -> Line | None:
        """A connection that may be used again, as far as one can see."""
        while self._idle:
            line = self._idle.pop()
            if not line.stale:
                return line
            line.close()
        return None

    async def opened(self) -> Line:
        """A new connection. Raises `NotOpened`."""
        where, loop = self._address, asyncio.get_running_loop()
        try:
            if where.socket:
                with within_reach(where.socket) as path:
                    _, line = await loop.create_unix_connection(self._make, path)
            else:
                if where.tls and self._tls is None:
                    self._tls = machines_tls()
                tls = self._tls if where.tls else None
                _, line = await loop.create_connection(self._make, where.host, where.port, ssl=tls)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise NotOpened(f"cannot be reached ({reason})", at=where.url) from error
        return line

    def leave(self, line: Line | None) -> None:
        """Give the place back, and the connection."""
        if line is not None:
            if line.usable:
                line.since = time.monotonic()
                self._idle.append(line)
            else:
                line.close()
        self._places.release()

    def close(self) -> None:
        """Close what is idle; what is in use is closed by its call."""
        while self._loop is not None and self._idle:
            self._idle.pop().close()

    def _make(self) -> Line:
        return Line(self._address.url, self._most_bytes)
