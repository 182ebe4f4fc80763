"""The writing half of a connection: answers leave in the order of the requests, streams take their turn.

The reading half is `protocol.Connection`. Sources: RFC 9112, 9.3 (pipelining) and 9.6 (closing without tearing the
last answer from the client's hands).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from socket import SO_SNDBUF, SOL_SOCKET
from time import monotonic_ns
from typing import TYPE_CHECKING

from longspan.serving.admission import SECOND, crowded
from longspan.serving.exchange import Exchange
from longspan.serving.heads import Refused
from longspan.wire import http1
from longspan.wire.tensors import Buffer

if TYPE_CHECKING:
    from longspan.serving.worker import Worker

SEND_BUFFER_BYTES = 1 << 20
"""Asked of the kernel where large bodies are sent: with its default a megabyte leaves in ten turns of the loop."""
MOST_PIPELINED = 64
"""Requests of one connection that may be under way before it is read no further."""


UNREAD = 30 * SECOND
"""A client that has read nothing of a waiting answer for this long is cut off."""
LINGER = 2 * SECOND
"""After an early refusal, how long the rest of the request is read and thrown away: closing at once would tear the
answer from the client's hands."""


class Answering(asyncio.Protocol, ABC):
    """What a connection owes, and what it has sent. Owned by the event loop."""

    __slots__ = (
        "closing", "continues", "full", "owed", "paused", "room", "since", "transport", "turns", "unread", "wide",
        "worker",
    )  # fmt: skip

    transport: asyncio.Transport

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.owed: deque[Exchange] = deque()
        """Requests that are not answered yet, the oldest first."""
        self.since = 0
        """Of a request in part, a slow reader, a lingering close: when it last moved."""
        self.closing = False
        """What still comes in is thrown away: the last answer has been given, or the last that can be is owed."""
        self.continues = False
        """A client waits for ``100 Continue``, and for earlier answers first."""
        self.full = False
        """Reading has been paused for the pipeline."""
        self.paused = False
        """The client does not read its answers."""
        self.unread = 0
        self.wide = False
        """Has it been given the memory of the kernel that a large answer needs?"""
        self.room: asyncio.Future[None] | None = None
        self.turns: dict[Exchange, asyncio.Future[None]] = {}

    @property
    @abstractmethod
    def receiving(self) -> bool:
        """Has a part of a request come, and not yet its end? The reading half knows."""

    # Whole answers -----------------------------------------------------------------------------------------

    def keeps(self, exchange: Exchange) -> bool:
        """May the connection be used again after this answer? Settled here, since the answer's head says it."""
        door = self.worker.door
        if door.draining:
            if exchange.route.endpoint is not None:  # who only asks how we are need not keep us
                door.heard = monotonic_ns()
            if exchange is self.owed[-1] and not self.receiving:
                exchange.keep = False
        return exchange.keep

    def answer(self, exchange: Exchange, data: bytes) -> None:
        """The whole answer, or the end of a stream. It leaves when all earlier requests have been answered."""
        exchange.done = True
        owed = self.owed
        if owed[0] is not exchange:
            exchange.answer = data
            return
        owed.popleft()
        self.transport.write(data)
        if exchange.held:
            self.free(exchange)
        if not exchange.keep:
            self.close(self.closing)
        elif owed or self.continues:
            self._advance()

    def answer_in_parts(self, exchange: Exchange, parts: Sequence[Buffer]) -> None:
        """The same for a large answer: its parts are sent from where they lie, unless it must wait for its turn."""
        if self.owed[0] is exchange:
            if not self.wide:
                self.wide = True
                self.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER_BYTES)
            self.transport.writelines(parts)
            self.answer(exchange, b"")
        else:
            self.answer(exchange, b"".join(parts))

    def _advance(self) -> None:
        """An answer has left: send those that waited for it, and let a stream begin whose turn has come."""
        owed = self.owed
        while owed and (data := owed[0].answer) is not None:
            exchange = owed.popleft()
            self.transport.write(data)
            self.free(exchange)
            if not exchange.keep:
                self.close(self.closing)
                return
        if owed and (turn := self.turns.pop(owed[0], None)) is not None and not turn.done():
            turn.set_result(None)
        if self.continues and not owed:
            self.continues = False
            self.transport.write(http1.CONTINUE)
        if self.full and len(owed) <= MOST_PIPELINED // 2:
            self.full = False
            if not self.paused and not self.closing:
                self.transport.resume_reading()

    def hold(self, exchange: Exchange, size: int) -> None:
        """Count `size` more bytes of its body against the worker's budget. Raises `Refused` 503."""
        if not self.worker.budget.take(size):
            raise Refused(crowded())
        exchange.held += size

    def free(self, exchange: Exchange) -> None:
        """Its body counts no more against the worker's budget."""
        if exchange.held:
            self.worker.budget.give(exchange.held)
            exchange.held = 0

    # Streams -----------------------------------------------------------------------------------------------

    async def turn(self, exchange: Exchange) -> None:
        """Until all earlier requests of this connection have been answered."""
        if self.owed[0] is not exchange:
            self.turns[exchange] = future = self.worker.loop.create_future()
            await future

    def push(self, data: bytes) -> None:
        """Part of a stream whose turn it is."""
        self.transport.write(data)

    async def drained(self) -> None:
        """Until the client has read enough for more."""
        if self.paused:
            self.room = self.worker.loop.create_future()
            await self.room

    def cut(self, exchange: Exchange, last: bytes) -> None:
        """End a stream that cannot be completed: without its last chunk, so that the client sees it."""
        exchange.done = True
        self.owed.popleft()
        self.free(exchange)
        self.transport.write(last)
        self.close(torn=False)

    # The transport calls -----------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        self.paused, self.since, self.unread = True, monotonic_ns(), 0
        self.transport.pause_reading()
        self.worker.wake()

    def resume_writing(self) -> None:
        self.paused = False
        if self.room is not None and not self.room.done():
            self.room.set_result(None)
        if not self.full and not self.closing:
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone: what it is owed is worked for no more."""
        self.closing = True
        self.worker.farewell(self)
        owed, self.owed = self.owed, deque()
        for exchange in owed:
            self.free(exchange)
            if not exchange.done and (endpoint := exchange.route.endpoint) is not None:
                endpoint.gone(exchange)
        for future in (self.room, *self.turns.values()):
            if future is not None:
                future.cancel()

    # Ends --------------------------------------------------------------------------------------------------

    def close(self, torn: bool) -> None:
        """After the last answer. `torn`: the client may be in the middle of sending.

        It then gets the end of the stream now and may read its answer; what it still sends is thrown away until it
        closes, or `LINGER` is over.
        """
        self.closing, self.since = True, monotonic_ns()
        if torn:
            self.transport.write_eof()
            self.transport.resume_reading()
            self.worker.wake()
        else:
            self.transport.close()

    def sweep(self, now: int) -> bool:
        """End what takes too long. True when there is still something to watch."""
        if self.paused:
            unread = self.transport.get_write_buffer_size()
            if unread != self.unread:
                self.unread, self.since = unread, now
            elif now - self.since > UNREAD:
                self.transport.abort()
            return True
        if self.closing and not self.owed and now - self.since > LINGER:
            self.transport.abort()
        return self.closing

    def hang_up(self) -> None:
        """Close an idle connection."""
        self.closing = True
        self.transport.close()
