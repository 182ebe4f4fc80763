"""One HTTP/1.1 connection to the egress socket: a request out, its answer in, as `wire.answers` reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import msgspec
import numpy as np

from longspan.wire.answers import AnswerReader, BadAnswer, TooLarge
from longspan.wire.tensors import Buffer

__all__ = ["Answer", "Connection", "Lost", "TooLarge"]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What came back."""

    status: int
    fields: dict[bytes, bytes]
    """Headers, names in lower case; of one that comes twice the first counts."""
    body: Buffer


class Lost(Exception):
    """There is no answer. `untouched`: nor had anything of one come."""

    def __init__(self, problem: str, *, untouched: bool = False) -> None:
        self.untouched = untouched
        super().__init__(problem)


class Connection(asyncio.BufferedProtocol):
    """One request at a time. Owned by the event loop."""

    __slots__ = ("_future", "_loop", "_reader", "_transport", "idle", "usable")

    def __init__(self, loop: asyncio.AbstractEventLoop, most_bytes: int) -> None:
        """`most_bytes`: of an answer's body."""
        self._loop = loop
        self._reader = AnswerReader(most_bytes, unwritten)
        self._future: asyncio.Future[Answer] | None = None
        self.usable = False
        """May a request be sent?"""
        self.idle = 0
        """Ticks without a request, see `Caller.tick`."""

    def ask(self, parts: Sequence[Buffer]) -> asyncio.Future[Answer]:
        """Send a request; its answer, `Lost` or `TooLarge`. Only if `usable`. No part may change before the answer."""
        self.usable = False
        self._future = future = self._loop.create_future()
        self._reader.expect()
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
        return self._reader.room()

    def buffer_updated(self, nbytes: int) -> None:
        if self._future is None:
            self._lose("something came that was not asked for")
            return
        try:
            whole = self._reader.came(nbytes)
        except TooLarge as error:
            self._end(error)
        except BadAnswer as error:
            self._lose(str(error))
        else:
            if whole:
                self._complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose("the connection was closed")

    # Ends --------------------------------------------------------------------------------------------------

    def _complete(self) -> None:
        future, self._future = self._future, None
        reader = self._reader
        answer = Answer(reader.status, reader.fields, reader.take())
        # An answer before all of the request was taken leaves the rest of it in the way.
        self.usable = reader.keep and not self._transport.get_write_buffer_size()
        if not self.usable:
            self._transport.abort()
        if future is not None and not future.done():
            future.set_result(answer)

    def _lose(self, problem: str) -> None:
        self._end(Lost(problem, untouched=not self._reader.started))

    def _end(self, error: Exception) -> None:
        future, self._future = self._future, None
        self.usable = False
        self._transport.abort()
        if future is not None and not future.done():
            future.set_exception(error)


def unwritten(size: int) -> memoryview:
    """Memory that is not zeroed first, as a bytearray would be."""
    return np.empty(size, "u1").data
