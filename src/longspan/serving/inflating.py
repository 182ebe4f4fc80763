"""Bodies that come compressed, as tritonclient and others send them on request.

What standard Python reads is read, gzip and deflate; any other coding is 415 with the list. A body is as large as it
becomes: the limit of the route holds for that, so a bomb is stopped where an honest body of its size would have been.
A small one is inflated on the loop. The rest go through one thread, one after the other, their memory counted against
the worker's budget beforehand: nobody else waits for them, and they never take more than one core.

Sources: RFC 9110 (8.4.1: codings, 12.5.3 and 15.5.16: what a 415 says), RFC 1950 and 1952.
"""

from __future__ import annotations

import asyncio
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from longspan.base.errors import RequestError
from longspan.serving.admission import crowded
from longspan.serving.routes import Route, refusing
from longspan.wire import http1

if TYPE_CHECKING:
    from longspan.serving.endpoint import Endpoint
    from longspan.serving.exchange import Exchange
    from longspan.wire.tensors import Buffer

IDENTITY = b"identity"
_WINDOW_BITS = {b"gzip": 16 + zlib.MAX_WBITS, b"x-gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}
"""Coding -> what zlib calls it. The coding ``deflate`` is zlib's format, RFC 1950, not the bare stream."""
_READ = b"gzip, deflate, identity"
_thread = ThreadPoolExecutor(1, "inflating")
"""Begins with the first large body that needs it."""


def inflating(route: Route, coding: bytes) -> Route:
    """`route` for a request whose body has this content coding: behind a pump, or one that refuses (415)."""
    endpoint, bits = route.endpoint, _WINDOW_BITS.get(coding.lower())
    if endpoint is None or coding.lower() == IDENTITY:
        return route  # nobody reads the body, or it is as it is
    if bits is None:
        shown = coding[:40].decode("latin-1")
        error = RequestError(415, f"content-encoding is {shown!r}; read are {_READ.decode()}")
        return refusing(error, http1.header(b"accept-encoding", _READ), endpoint)

    return Route(_Pump(route, endpoint, bits).answer, route.body_bytes, endpoint=endpoint)


class _Pump:
    """From the compressed body to the route that takes it as it was before."""

    def __init__(self, route: Route, endpoint: Endpoint, window_bits: int) -> None:
        self._route, self._endpoint, self._bits = route, endpoint, window_bits

    def answer(self, exchange: Exchange) -> None:
        route, body, small = self._route, exchange.body, None
        try:
            if len(body) <= route.free_bytes:
                small = inflate(body, self._bits, route.free_bytes)
        except RequestError as error:
            self._endpoint.fail(exchange, error)
            return
        if small is not None:
            exchange.body = small
            route.answer(exchange)
        elif not exchange.connection.worker.budget.take(route.body_bytes):
            self._endpoint.fail(exchange, crowded())
        else:
            # Held by the work, not by the request: one whose client goes at once stands in the thread's line as well.
            work = asyncio.wrap_future(_thread.submit(self._in_thread, exchange))
            work.add_done_callback(partial(self._done, exchange))

    def _in_thread(self, exchange: Exchange) -> bytes | None:
        return None if exchange.done else inflate(exchange.body, self._bits, self._route.body_bytes)

    def _done(self, exchange: Exchange, work: asyncio.Future[bytes | None]) -> None:
        error = work.exception()
        body = work.result() if error is None and not exchange.done else None
        kept = len(body) if body is not None else 0
        exchange.connection.worker.budget.give(self._route.body_bytes - kept)
        exchange.held += kept
        if exchange.done:
            return  # its client has gone meanwhile
        if body is not None:
            exchange.body = body
            self._route.answer(exchange)
        else:
            refused = error if isinstance(error, RequestError) else self._route.too_large()
            self._endpoint.fail(exchange, refused)


def inflate(body: Buffer, window_bits: int, most: int) -> bytes | None:
    """The body as it was before it was compressed; None when that is longer than `most` bytes, and no more is made.

    Raises `RequestError` 400 unless it is one whole stream with nothing behind it: many small ones in a row would
    cost more than their bytes.
    """
    stream = zlib.decompressobj(window_bits)
    try:
        whole = stream.decompress(body, most + 1)
    except zlib.error as error:
        raise RequestError(400, f"the body is not what its content-encoding says: {error}") from None
    if len(whole) > most:
        return None
    if not stream.eof:
        raise RequestError(400, "the compressed body ends before its end")
    if stream.unused_data:
        raise RequestError(400, f"{len(stream.unused_data)} bytes follow the end of the compressed body")
    return whole
