"""The reading half of a connection: bytes to exchanges, exchanges to whoever answers their path.

Thin, since every request goes through it: httptools parses, a dictionary finds who answers. Heads, bodies, requests in
a pipeline and time are bounded. What breaks the framing is answered once and the connection closed, for nobody knows
where its next request begins. The writing half is in `answers`.

Sources: RFC 9112 (framing), RFC 9110 (100-continue, 413). What is refused of a head stands in `heads`.
"""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING, Any, cast

import httptools

from longspan.base.errors import RequestError
from longspan.serving import heads, logs
from longspan.serving.admission import RETRY_AFTER_SECONDS, SECOND
from longspan.serving.answers import MOST_PIPELINED, Answering
from longspan.serving.exchange import Exchange
from longspan.serving.filling import LEAST, Filling, joined
from longspan.serving.heads import ATTEMPT, FIRST, MOST_HEAD_BYTES, TOO_LARGE, Refused, measure, none_is_odd, unusual
from longspan.serving.inflating import inflating
from longspan.serving.refusals import refusal
from longspan.serving.routes import refusing
from longspan.wire import http1

if TYPE_CHECKING:
    import asyncio

    from longspan.serving.worker import Worker

PARTS_JOINED = 1024
"""Parts of a body that are joined into one: a body that comes byte by byte costs no more than its size."""
BESIDE = 17
"""Bytes that may come for each of the body; chunks of a single byte need six. More is counted as if it were a head."""
BODY_IDLE, BODY_WHOLE = 30 * SECOND, 300 * SECOND
"""How long a request that is being received may pause, and take in all: else 408."""


class Connection(Answering):
    """One client. Owned by the event loop; nothing here is touched by another thread."""

    __slots__ = (
        "_began", "_body", "_current", "_fields", "_filling", "_joined", "_large", "_limit", "_lower", "_parser",
        "_paths", "_raw", "_seen", "_size", "_url", "idle", "on_body", "on_header", "on_url",
    )  # fmt: skip

    def __init__(self, worker: Worker) -> None:
        super().__init__(worker)
        self._paths = worker.routes.paths
        self._url: list[bytes] = []
        self._fields: dict[bytes, bytes] = {}
        self._body: list[Any] = []
        self.on_url, self.on_header, self.on_body = self._url.append, self._fields.setdefault, self._body.append
        """Callbacks of the parser that stay in C. Of a header that comes twice the first counts; those that frame a
        message the parser checks itself."""
        self._current: Exchange | None = None
        """The request whose body is being received."""
        self._filling: Filling | None = None
        self._joined = 0
        """How many of the first parts of the body have been joined already,"""
        self._seen = self._size = self._limit = 0
        """how many have been counted, their bytes, and how many bytes there may be before more must be granted."""
        self._began, self._raw = 0, -1
        """When a request that came in part began (0: none), and bytes since then that are no body (-1: uncounted)."""
        self._lower = 0
        """How many headers the client last sent whose names were all in lower case."""
        self._large = False
        """Might the head be too large? Then it is measured."""
        self.idle = 0
        """Quarters of a second without a request, roughly (`Worker.tick`)."""
        self._parser = httptools.HttpRequestParser(self)

    # The transport calls -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if not self.worker.welcome(self):
            self._refuse(RequestError(503, "too many connections", retry_after_seconds=RETRY_AFTER_SECONDS))

    def data_received(self, data: bytes) -> None:
        if self.closing:
            return
        if len(data) > MOST_HEAD_BYTES:
            self._large = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._broken(error)
            return
        if self._current is not None or self._url:
            self._in_part(len(data))

    def eof_received(self) -> None:
        """The client has closed its side: it is gone. (None closes the transport.)"""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._current is not None:
            self.free(self._current)
        super().connection_lost(exc)

    # The parser calls --------------------------------------------------------------------------------------

    def on_headers_complete(self) -> None:
        if self.closing or (self.owed and not self.owed[-1].keep):
            raise EOFError  # nothing is read behind the last request that is answered (RFC 9112, 9.6)
        fields, parser, urls = self._fields.copy(), self._parser, self._url
        self._fields.clear()
        url = urls.pop() if len(urls) == 1 else joined(urls)
        if len(fields) != self._lower or self._large:
            fields = self._looked_through(fields)
        try:
            route = self._paths[url][parser.get_method()]
        except KeyError:
            route = self.worker.routes.find(url, parser.get_method())
        if fields.get(ATTEMPT, FIRST) != FIRST:
            route = route.again or route
        self._current = exchange = Exchange(self, route, fields, parser.should_keep_alive())
        if not none_is_odd(fields):
            self._unusual(exchange)

    def on_message_complete(self) -> None:
        exchange = self._current
        assert exchange is not None, "the parser completes no message without its head"
        route, parts = exchange.route, self._body
        if parts:
            exchange.body = body = parts.pop() if len(parts) == 1 else joined(parts)
            if len(body) > route.body_bytes:
                raise Refused(route.too_large())
        self._current = None
        if self._began:
            self._reset()
        self.idle = 0
        exchange.started = monotonic_ns()
        owed = self.owed
        if owed:
            self._pipelined()
        owed.append(exchange)
        route.answer(exchange)

    def filled(self, body: memoryview) -> None:
        """The rest of a large body has come, past the parser, which still waits for it."""
        self._body.append(body)
        self.on_message_complete()
        self._parser = httptools.HttpRequestParser(self)

    # Less common turns -------------------------------------------------------------------------------------

    def _unusual(self, exchange: Exchange) -> None:
        """Headers that change how the request is read or answered."""
        fields, parser = exchange.fields, self._parser
        self._began = self.since = monotonic_ns()
        old = parser.get_http_version() != "1.1"
        if old:
            exchange.keep = False
        error = unusual(fields, old=old, upgrade=parser.should_upgrade())
        endpoint = exchange.route.endpoint
        if error is not None:
            exchange.route = refusing(error, endpoint=endpoint)
        elif heads.TIMEOUT in fields and endpoint is not None:
            exchange.early = max(0, endpoint.time_limit - (heads.time_left(fields) or 0))
        if error is None and b"content-encoding" in fields:
            exchange.route = inflating(exchange.route, fields[b"content-encoding"])
        if b"expect" in fields and not old:
            self._announced(exchange)
            if self.owed:
                self.continues = True
            else:
                self.transport.write(http1.CONTINUE)

    def _looked_through(self, fields: dict[bytes, bytes]) -> dict[bytes, bytes]:
        """Headers that are not too many or too large, names in lower case.

        A client that has written names so is not asked again while it sends as many headers.
        """
        measure(b"", fields)
        self._large = False
        if b"".join(fields).islower():
            self._lower = len(fields)
            return fields
        return {name.lower(): value for name, value in fields.items()}

    def _reset(self) -> None:
        """After a request that came in part, or had unusual headers."""
        self._began, self._raw, self.continues = 0, -1, False
        self._joined = self._seen = self._size = self._limit = 0
        self._fields.clear()  # trailers; nobody reads them

    def _pipelined(self) -> None:
        """A request has come before an earlier one was answered."""
        if len(self.owed) == MOST_PIPELINED - 1:
            self.full = True
            self.transport.pause_reading()

    def _announced(self, exchange: Exchange) -> None:
        """A body is to come: refuse it now, or make room for it."""
        route, length = exchange.route, int(exchange.fields.get(b"content-length", 0))
        if length > route.body_bytes:
            raise Refused(route.too_large())
        self._limit = max(length, route.free_bytes)
        if length > route.free_bytes:
            self.hold(exchange, length)

    def _grow(self, exchange: Exchange) -> None:
        """The body, which came without a length, is longer than what was granted so far."""
        route = exchange.route
        if self._size > route.body_bytes:
            raise Refused(route.too_large())
        self._limit = min(2 * self._size, route.body_bytes)
        self.hold(exchange, self._limit - exchange.held)

    def _in_part(self, size: int) -> None:
        """A request has come in part: from here on the sweep watches it."""
        self.since = monotonic_ns()
        self._began = self._began or self.since
        had = self._size
        self.worker.wake()
        try:
            if self._current is None:
                self._large = True
                measure(b"".join(self._url), self._fields)
            else:
                if not self._limit:
                    self._announced(self._current)
                self._count_body(self._current)
            # The parser keeps unfinished headers to itself; trailers and extensions are no body: this bounds them. Of
            # the first part nobody knows how much belonged to the request before.
            self._raw = 0 if self._raw < 0 else max(0, self._raw + size - BESIDE * (self._size - had))
            if self._raw > MOST_HEAD_BYTES:
                raise Refused(TOO_LARGE)
        except Refused as refused:
            self._refuse(refused.error)

    def _count_body(self, exchange: Exchange) -> None:
        """Of a body in part. Of very small parts many become one, so that they do not outweigh what they hold."""
        parts = self._body
        self._size += sum(map(len, parts[self._seen :]))
        if len(parts) - self._joined > PARTS_JOINED:
            parts[self._joined :] = [b"".join(parts[self._joined :])]
            self._joined += 1
        self._seen = len(parts)
        if self._size > self._limit:
            self._grow(exchange)
        length = int(exchange.fields.get(b"content-length", 0))
        if length - self._size >= LEAST:
            self._filling = self._filling or Filling(self)
            self._filling.begin(length, parts)

    def _broken(self, error: httptools.HttpParserError) -> None:
        """The parser has stopped, by itself or since a callback raised."""
        cause = error.__context__
        if isinstance(cause, Refused):
            self._refuse(cause.error)
        elif isinstance(error, httptools.HttpParserCallbackError) and not isinstance(cause, EOFError):
            logs.failure(cause or error, request="", step="")
            self.transport.abort()  # a fault of ours: nothing more can be said on this connection
        else:
            self._refuse(heads.malformed(error))

    def _refuse(self, error: RequestError) -> None:
        """After all that is owed answer a request that cannot be read whole, unless behind the last; then close."""
        behind = self.closing or (self.owed and not self.owed[-1].keep)
        if self._current is not None:
            self.free(self._current)
            if (endpoint := self._current.route.endpoint) is not None:
                endpoint.turned_away(error, self._began)
            self._current = None
        self._url.clear()
        self._body.clear()
        self.closing = True
        if not behind:
            exchange = Exchange(self, refusing(error), {}, keep=False)
            self.owed.append(exchange)
            self.answer(exchange, refusal(error, keep_alive=False))

    @property
    def speaks_chunks(self) -> bool:
        """False for HTTP/1.0, which cannot be streamed to."""
        return self._parser.get_http_version() == "1.1"

    @property
    def receiving(self) -> bool:
        return self._current is not None or bool(self._url)

    @property
    def busy(self) -> bool:
        """Is a request being received or owed an answer?"""
        return bool(self.owed) or (self.receiving and not self.closing)

    def sweep(self, now: int) -> bool:
        if super().sweep(now):
            return True
        if self._began:
            if now - self.since > BODY_IDLE or now - self._began > BODY_WHOLE:
                self._refuse(RequestError(408, "the request did not come to its end"))
            return True
        return False
