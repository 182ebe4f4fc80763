"""One HTTP/1.1 connection: bytes in, exchanges on, answers out in the order of the requests.

Thin, since every request goes through it: httptools parses, a dictionary finds who answers, the answer is one
write. Everything is bounded: heads, bodies, requests in a pipeline, unread answers, time. What breaks the
framing is answered once and the connection closed, for nobody knows where its next request begins.

Sources: RFC 9112 (framing), RFC 9110 (100-continue, 405, 413, 417, 431, 501).
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic_ns
from typing import TYPE_CHECKING

import httptools

from longspan.base.errors import RequestError
from longspan.serving import logs
from longspan.serving.admission import RETRY_AFTER_SECONDS, SECOND
from longspan.serving.endpoint import refusal
from longspan.serving.exchange import Exchange
from longspan.serving.routes import refusing
from longspan.wire import http1

if TYPE_CHECKING:
    from longspan.serving.worker import Worker

MOST_HEAD_BYTES = 64 << 10
"""Names and values of a head, each header counting 32 more: so it bounds their number, too."""
HEADER_COST = 32
MOST_URL_BYTES = 8 << 10
MOST_PIPELINED = 64
"""Requests of one connection that may be under way before it is read no further."""
PARTS_JOINED = 1024
"""Parts of a body that are joined into one: a body that comes byte by byte costs no more than its size."""

PLAIN = ("accept", "content-length", "content-type", "inference-header-content-length", "x-request-id")
"""The headers that are read."""
ODD = ("connection", "content-encoding", "expect", "transfer-encoding", "upgrade")
"""Those that change how the request is read or answered. Most requests have none of them."""
PASSED = (
    "host", "user-agent", "accept-encoding", "cookie", "x-forwarded-for", "x-forwarded-proto", "traceparent",
    "x-envoy-expected-rq-timeout-ms", "x-envoy-attempt-count", "x-envoy-internal",
)  # fmt: skip
"""Known to be passed over, as is every other: named so that a common one costs one look-up."""

_NAMES: dict[bytes, str | None] = {name.encode(): name for name in PLAIN + ODD} | {
    name.encode(): None for name in PASSED
}
_NAMES |= {name.title(): meaning for name, meaning in _NAMES.items()}
_ODD = frozenset(ODD)

BODY_IDLE = 30 * SECOND
"""A request that is being received may pause for this long,"""
BODY_WHOLE = 300 * SECOND
"""and take this long in all: 408."""
UNREAD = 30 * SECOND
"""A client that has read nothing of a waiting answer for this long is cut off."""
LINGER = 2 * SECOND
"""After an early refusal, how long the rest of the request is read and thrown away: closing at once would tear the
answer from the client's hands."""


class Refused(Exception):
    """Raised inside a callback of the parser: answer so, and close."""

    def __init__(self, error: RequestError) -> None:
        self.error = error
        super().__init__(error.problem)


class Connection(asyncio.Protocol):
    """One client. Owned by the event loop; nothing here is touched by another thread."""

    __slots__ = (
        "_began", "_body", "_closing", "_continue", "_current", "_fields", "_full", "_head_bytes", "_joined", "_limit",
        "_odd", "_parser", "_paths", "_paused", "_raw", "_room", "_size", "_turns", "_unread", "_url", "_worker",
        "idle", "owed", "since", "transport",
    )  # fmt: skip

    transport: asyncio.Transport

    def __init__(self, worker: Worker) -> None:
        self._worker, self._paths = worker, worker.routes.paths
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._fields: dict[str, bytes] = {}
        self._odd = False
        self._head_bytes = 0
        self._current: Exchange | None = None
        """The request whose body is being received."""
        self._body: list[bytes] = []
        self._joined: list[bytes] = []
        self._size = self._limit = 0
        self._raw = 0
        self._began = 0
        """When a request that has come in part began; 0 between requests."""
        self._continue = False
        """A client waits for ``100 Continue``, and for earlier answers first."""
        self.owed: deque[Exchange] = deque()
        """Requests that are not answered yet, the oldest first."""
        self.idle = 0
        """Quarters of a second without a request, roughly (`Worker.tick`)."""
        self.since = 0
        """Of a request in part, a slow reader, a lingering close: when it last moved."""
        self._closing = False
        """The last answer has been given; what still comes in is thrown away."""
        self._full = False
        """Reading has been paused for the pipeline."""
        self._paused = False
        """The client does not read its answers."""
        self._unread = 0
        self._room: asyncio.Future[None] | None = None
        self._turns: dict[Exchange, asyncio.Future[None]] = {}

    # The transport calls -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        if not self._worker.welcome(self):
            self._refuse(RequestError(503, "too many connections", retry_after_seconds=RETRY_AFTER_SECONDS))

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # CONNECT; it has been answered
            self.hang_up()
            return
        except httptools.HttpParserError as error:
            self._refuse(_meaning(error))
            return
        if self._head_bytes:
            self._in_part(len(data))

    def eof_received(self) -> None:
        """The client has closed its side: it is gone. (None closes the transport.)"""

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._worker.farewell(self)
        owed, self.owed = self.owed, deque()
        if self._current is not None:
            self._free(self._current)
        for exchange in owed:
            self._free(exchange)
            if not exchange.done and exchange.endpoint is not None:
                exchange.endpoint.gone(exchange)
        for future in (self._room, *self._turns.values()):
            if future is not None:
                future.cancel()

    def pause_writing(self) -> None:
        self._paused, self.since = True, monotonic_ns()
        self._unread = 0
        self.transport.pause_reading()
        self._worker.wake()

    def resume_writing(self) -> None:
        self._paused = False
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        if not self._full and not self._closing:
            self.transport.resume_reading()

    # The parser calls --------------------------------------------------------------------------------------

    def on_url(self, url: bytes) -> None:
        self._url = self._url + url if self._url else url
        self._head_bytes += len(url)
        if self._head_bytes > MOST_URL_BYTES:
            raise Refused(RequestError(414, f"the path is longer than {MOST_URL_BYTES} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value) + HEADER_COST
        if self._head_bytes > MOST_HEAD_BYTES:
            raise Refused(_head_too_large())
        try:
            known = _NAMES[name]
        except KeyError:
            known = _NAMES.get(name.lower())
        if known is not None and self._current is None:  # else it is a trailer, after the body
            fields = self._fields
            fields[known] = fields[known] + b", " + value if known in fields else value
            if known in _ODD:
                self._odd = True

    def on_headers_complete(self) -> None:
        parser, fields = self._parser, self._fields
        try:
            route = self._paths[self._url][parser.get_method()]
        except KeyError:
            route = self._worker.routes.find(self._url, parser.get_method())
        exchange = self._current = Exchange(self, route, fields, parser.should_keep_alive())
        self._fields = {}
        self._url = b""
        if self._odd:
            self._odd = False
            self._unusual(exchange)
        length = int(fields.get("content-length", 0))
        if length > route.free_bytes:
            if length > route.body_bytes:
                raise Refused(route.too_large())
            self._hold(exchange, length)
            self._limit = length
        else:
            self._limit = route.free_bytes

    def on_body(self, part: bytes) -> None:
        body = self._body
        body.append(part)
        self._size += len(part)
        if self._size > self._limit:
            self._grow()
        if len(body) == PARTS_JOINED:
            self._joined.append(b"".join(body))
            body.clear()

    def on_message_complete(self) -> None:
        exchange = self._current
        assert exchange is not None, "the parser completes no message without its head"
        self._current = None
        body = self._body
        if body:
            if len(body) == 1 and not self._joined:
                exchange.body = body[0]
            else:
                exchange.body = b"".join((*self._joined, *body))
                self._joined = []
            self._body = []
        elif self._joined:
            exchange.body = b"".join(self._joined)
            self._joined = []
        self._head_bytes = self._size = self._began = self.idle = 0
        self._continue = False
        exchange.started = monotonic_ns()
        owed = self.owed
        owed.append(exchange)
        if len(owed) == MOST_PIPELINED:
            self._full = True
            self.transport.pause_reading()
        exchange.route.answer(exchange)

    # Less common turns -------------------------------------------------------------------------------------

    def _unusual(self, exchange: Exchange) -> None:
        """Headers that change how the request is read or answered."""
        fields, parser = exchange.fields, self._parser
        if parser.should_upgrade():
            raise Refused(RequestError(501, "this server speaks HTTP/1.1 and changes to nothing else"))
        old = parser.get_http_version() != "1.1"
        if old:
            exchange.keep = False
        if "transfer-encoding" in fields:
            if old or "content-length" in fields:
                raise Refused(RequestError(400, "transfer-encoding together with content-length, or in HTTP/1.0"))
            if fields["transfer-encoding"].lower() != b"chunked":
                raise Refused(RequestError(501, "the only transfer-encoding that is read is chunked"))
        if fields.get("content-encoding", b"identity").lower() != b"identity":
            exchange.route = refusing(RequestError(415, "content-encoding is not read: send the body as it is"))
        if "expect" in fields and not old:
            if fields["expect"].lower() != b"100-continue":
                raise Refused(RequestError(417, "the only expectation that is met is 100-continue"))
            if self.owed:
                self._continue = True
            else:
                self.transport.write(http1.CONTINUE)

    def _grow(self) -> None:
        """The body, which came without a length, is longer than what was granted so far."""
        exchange = self._current
        assert exchange is not None, "a body belongs to a request"
        route = exchange.route
        if self._size > route.body_bytes:
            raise Refused(route.too_large())
        self._limit = min(2 * self._size, route.body_bytes)
        self._hold(exchange, self._limit - exchange.held)

    def _hold(self, exchange: Exchange, size: int) -> None:
        if not self._worker.budget.take(size):
            raise Refused(RequestError(503, "too many large bodies at once", retry_after_seconds=RETRY_AFTER_SECONDS))
        exchange.held += size

    def _free(self, exchange: Exchange) -> None:
        if exchange.held:
            self._worker.budget.give(exchange.held)
            exchange.held = 0

    def _in_part(self, size: int) -> None:
        """A request has come in part: from here on the sweep watches it."""
        self.since = monotonic_ns()
        if not self._began:
            self._began, self._raw = self.since, 0
        elif self._current is None:
            # The parser keeps an unfinished header to itself, so this is what bounds it.
            self._raw += size
            if self._raw > MOST_HEAD_BYTES + HEADER_COST:
                self._refuse(_head_too_large())
                return
        self._worker.wake()

    def _refuse(self, error: RequestError) -> None:
        """Answer, after whatever is owed, a request that cannot be read to its end; then close."""
        whole = self._current is None and not self._head_bytes
        if self._current is not None:
            self._free(self._current)
            self._current = None
        self._body, self._joined = [], []
        self._closing = True
        exchange = Exchange(self, refusing(error), {}, keep=False)
        exchange.torn = not whole
        self.owed.append(exchange)
        self.answer(exchange, refusal(error, keep_alive=False))

    # Answers -----------------------------------------------------------------------------------------------

    def keeps(self, exchange: Exchange) -> bool:
        """May the connection be used again after this answer? Settled here, since the answer's head says it."""
        door = self._worker.door
        if door.draining:
            door.heard = monotonic_ns()
            if exchange is self.owed[-1] and not self._head_bytes:
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
            self._free(exchange)
        if not exchange.keep:
            self._close(exchange.torn)
        elif owed or self._continue:
            self._advance()

    def _advance(self) -> None:
        """An answer has left: send those that waited for it, and let a stream begin whose turn has come."""
        owed = self.owed
        while owed and (data := owed[0].answer) is not None:
            exchange = owed.popleft()
            self.transport.write(data)
            self._free(exchange)
            if not exchange.keep:
                self._close(exchange.torn)
                return
        if owed and (turn := self._turns.pop(owed[0], None)) is not None and not turn.done():
            turn.set_result(None)
        if self._continue and not owed:
            self._continue = False
            self.transport.write(http1.CONTINUE)
        if self._full and len(owed) <= MOST_PIPELINED // 2:
            self._full = False
            if not self._paused and not self._closing:
                self.transport.resume_reading()

    async def turn(self, exchange: Exchange) -> None:
        """Until all earlier requests of this connection have been answered."""
        if self.owed[0] is not exchange:
            self._turns[exchange] = future = self._worker.loop.create_future()
            await future

    def push(self, data: bytes) -> None:
        """Part of a stream whose turn it is."""
        self.transport.write(data)

    async def drained(self) -> None:
        """Until the client has read enough for more."""
        if self._paused:
            self._room = self._worker.loop.create_future()
            await self._room

    def cut(self, exchange: Exchange, last: bytes) -> None:
        """End a stream that cannot be completed: without its last chunk, so that the client sees it."""
        exchange.done = True
        self.owed.popleft()
        self.transport.write(last)
        self._close(torn=False)

    @property
    def speaks_chunks(self) -> bool:
        """False for HTTP/1.0, which cannot be streamed to."""
        return self._parser.get_http_version() == "1.1"

    # Ends --------------------------------------------------------------------------------------------------

    def _close(self, torn: bool) -> None:
        self._closing, self.since = True, monotonic_ns()
        if torn:
            # The client may be in the middle of sending. It gets the end of the stream now and may read its answer;
            # what it still sends is thrown away until it closes, or LINGER is over.
            self.transport.write_eof()
            self.transport.resume_reading()
            self._worker.wake()
        else:
            self.transport.close()

    def hang_up(self) -> None:
        """Close an idle connection."""
        self._closing = True
        self.transport.close()

    @property
    def busy(self) -> bool:
        """Is a request being received or owed an answer?"""
        return bool(self.owed or self._head_bytes) and not (self._closing and not self.owed)

    def sweep(self, now: int) -> bool:
        """End what takes too long. True when there is still something to watch."""
        if self._paused:
            unread = self.transport.get_write_buffer_size()
            if unread != self._unread:
                self._unread, self.since = unread, now
            elif now - self.since > UNREAD:
                self.transport.abort()
            return True
        if self._closing:
            if not self.owed and now - self.since > LINGER:
                self.transport.abort()
            return True
        if self._began:
            if now - self.since > BODY_IDLE or now - self._began > BODY_WHOLE:
                self._refuse(RequestError(408, "the request did not come to its end"))
            return True
        return False


def _head_too_large() -> RequestError:
    return RequestError(431, f"the request's head is larger than {MOST_HEAD_BYTES} bytes")


def _meaning(error: httptools.HttpParserError) -> RequestError:
    """What to answer when the parser stopped."""
    cause = error.__context__
    if isinstance(cause, Refused):
        return cause.error
    if isinstance(error, httptools.HttpParserCallbackError):
        logs.failure(cause or error, request="", step="")
        return RequestError(500, "the request could not be taken; the log says why")
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        return RequestError(501, "unknown method")
    return RequestError(400, f"malformed HTTP/1.1: {error}")
