"""One HTTP/1.1 connection of the load client: sends a request, tells what came of it."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

import httptools

MOST_ANSWER_BYTES = 64 << 20


class Owner(Protocol):
    """Who is told. `number` is the request's."""

    def answered(self, number: int, status: int, connection: Connection) -> None: ...
    def lost(self, number: int, reason: str, connection: Connection) -> None: ...
    def gone(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """At most one request at a time. After `answered`, `headers` and `body` hold the answer."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._number = -1
        self.uses = 0
        self.usable = False
        """May another request be sent? Not after ``connection: close`` nor before the last is answered."""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    def send(self, number: int, parts: tuple[bytes, ...]) -> None:
        """Send request `number`; exactly one of `answered` and `lost` follows, unless `abandon` comes first."""
        self._number, self.usable, self.headers, self.body = number, False, [], b""
        self.uses += 1
        self._transport.writelines(parts)

    def abandon(self) -> None:
        """Close at once, and tell nobody."""
        self._number = -1
        self.usable = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name.
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._lose(f"not HTTP: {error}")
        except httptools.HttpParserUpgrade:
            self._lose("not HTTP/1.1 any more: the answer changes to another protocol")

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        if self._number >= 0:
            started = " in the middle of an answer" if self.headers else ""
            how = "reset" if isinstance(exc, ConnectionResetError) else "closed"
            self._lose(f"connection {how}{started}")
        self._owner.gone(self)

    def _lose(self, reason: str) -> None:
        number, self._number = self._number, -1
        self.usable = False
        self._transport.abort()
        if number >= 0:
            self._owner.lost(number, reason, self)

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, part: bytes) -> None:
        self.body = self.body + part if self.body else part
        if len(self.body) > MOST_ANSWER_BYTES:
            self._lose("answer too large")

    def on_message_complete(self) -> None:
        number, self._number = self._number, -1
        if number < 0:
            # Nobody asked for this answer: the stream can no longer be trusted.
            self._transport.abort()
            return
        # An answer before the whole request was taken (413, 503) leaves the rest of it in the way.
        self.usable = self._parser.should_keep_alive() and not self._transport.get_write_buffer_size()
        self._owner.answered(number, self._parser.get_status_code(), self)
