"""The connections of a worker to the egress socket: kept, bounded, given back.

A call takes the connection that was used last, or opens one, or waits until another call is over. Idle connections are
closed here before the gateway does it; one that the gateway has closed all the same costs a call that may be repeated
nothing but a new connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from longspan.serving.answers import SEND_BUFFER_BYTES
from longspan.serving.egress.connection import Answer, Connection, Lost
from longspan.serving.exchange import current
from longspan.wire.tensors import Buffer

MOST_CONNECTIONS = 256
MOST_ANSWER_BYTES = 64 << 20
MOST_IDLE = 60 * 4
"""Quarters of a second that a connection may be idle."""


class Unreachable(Exception):
    """Nobody listens at the egress socket."""


class Caller:
    """All connections of one worker. Owned by the event loop."""

    def __init__(self, path: str, loop: asyncio.AbstractEventLoop) -> None:
        """`path`: of the egress socket."""
        self._path, self._loop = path, loop
        self._idle: list[Connection] = []
        """The one that was used last stands last."""
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)

    async def call(self, parts: Sequence[Buffer], *, repeatable: bool) -> Answer:
        """Send a request, whole in `parts`, and wait for its answer. Cancelling it closes the connection.

        `repeatable`: it does no harm if the other side gets it twice. Raises `Lost`, `TooLarge`, `Unreachable`.
        """
        async with self._places:
            if (kept := self._kept()) is not None:
                try:
                    return await self._ask(kept, parts)
                except Lost as lost:
                    # Most likely it had been closed when we wrote. Who can tell whether the request was read?
                    if not (repeatable and lost.untouched):
                        raise
            return await self._ask(await self._open(), parts)

    async def _ask(self, connection: Connection, parts: Sequence[Buffer]) -> Answer:
        try:
            return await connection.ask(parts)
        finally:
            if connection.usable:
                connection.idle = 0
                self._idle.append(connection)
            else:
                connection.close()

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def _open(self) -> Connection:
        # A transport keeps the context that it was made in, and so would hold the request as long as it is kept.
        token = current.set(None)
        try:
            transport, connection = await self._loop.create_unix_connection(self._make, self._path)
        except OSError as error:
            raise Unreachable(error.strerror or "no connection") from None
        finally:
            current.reset(token)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        return connection

    def _make(self) -> Connection:
        return Connection(self._loop, MOST_ANSWER_BYTES)

    def tick(self, pause: int) -> None:
        """`pause` quarters of a second have gone by: close what has been idle for long."""
        for connection in self._idle:
            connection.idle += pause
            if connection.idle > MOST_IDLE:
                connection.close()
        self._idle = [connection for connection in self._idle if connection.usable]

    def close(self) -> None:
        """Close every idle connection; the others go with their calls."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()
