"""Reading HTTP/1.1 answers, whatever brings their bytes: no socket, no clock, no loop.

Who owns a connection asks the reader where the next bytes shall go (`AnswerReader.room`), lets the kernel put them
there and says how many came (`AnswerReader.came`). A small answer goes through the parser whole. Of a large one only
the head does: its body is received into the memory that it stays in, so a megabyte is copied once, by the kernel.

Whatever comes, it ends as an answer or as `BadAnswer`, and what is held is bounded: the head, the body, what stands
between chunks and behind the last. An answer must say how long it is: one that ends with its connection cannot be told
from one that was cut off.

Sources: RFC 9112 (framing), RFC 9110 (15.2, interim answers).
"""

from __future__ import annotations

from collections.abc import Callable

import httptools

Body = bytes | bytearray | memoryview

MOST_HEAD_BYTES = 64 << 10
"""Of an answer's head; of all interim answers before it; of what stands behind its last chunk."""
READ_BYTES = 16 << 10
"""Room for what is read at once, as long as a body is not received in place."""
FINAL = 200
"""A status below it is only interim: the answer is still to come."""

_CHUNK_HEAD_BYTES = 32
"""What the head of a chunk may need: sixteen digits and three line ends are fewer."""


class BadAnswer(Exception):
    """What came is no answer that can be taken, and nothing on this connection can be trusted any more."""


class TooLarge(BadAnswer):
    """There is an answer, and more of it than is taken."""


def zeroed(size: int) -> memoryview:
    """Memory for a body; the default, which needs nothing but Python."""
    return memoryview(bytearray(size))


class AnswerReader:
    """The answers of one connection, one after the other, each announced by `expect`."""

    __slots__ = (
        "_allowed", "_collect", "_fresh", "_head", "_length", "_memory", "_most", "_parsed", "_parser", "_place",
        "_received", "_size", "fields", "keep", "open", "started", "status", "whole",
    )  # fmt: skip

    def __init__(self, most_bytes: int, memory: Callable[[int], memoryview] = zeroed) -> None:
        """`most_bytes`: of a body that is held. `memory`: gives that of a large one, which need not be zeroed."""
        self._most, self._memory = most_bytes, memory
        self._head = memoryview(bytearray(READ_BYTES))
        self._parser = httptools.HttpResponseParser(self)
        self._fresh = True
        """May the parser be used for the next answer?"""
        self.whole = True
        """Has all of the last answer come?"""
        self.status = 0
        self.fields: dict[bytes, bytes] = {}
        """Headers, names in lower case; of one that comes twice the first counts."""
        self._begin(collect=True)

    def _begin(self, *, collect: bool) -> None:
        if not self._fresh:
            self._parser, self._fresh = httptools.HttpResponseParser(self), True
        self.fields = {}
        self._parsed = bytearray()
        """Of the body, what has come through the parser and not been taken."""
        self._place: memoryview | None = None
        """All of a body whose rest does not go through the parser."""
        self._length = -1
        """Of the body, as announced; -1 without an announcement."""
        self._received = self._size = 0
        """Bytes of the body that have come, and of everything."""
        self._allowed = MOST_HEAD_BYTES
        """How much the second may be more than the first."""
        self._collect = collect
        self.open = False
        """Has all of the head come?"""
        self.started = False
        """Has anything come?"""
        self.keep = False
        """May the connection be used for another request? Known once the answer is whole."""

    def expect(self, *, collect: bool = True) -> None:
        """A request goes out. Without `collect` its body, of any length, is not held but must be taken (`take`)."""
        self._begin(collect=collect)
        self.whole = False

    def room(self) -> memoryview:
        """Where the next bytes shall go; never empty, for an end too is read into something."""
        return self._head if self._place is None or self.whole else self._place[self._received :]

    def came(self, count: int) -> bool:
        """So many bytes stand at the start of `room` now. True: the answer is whole. Raises `BadAnswer`.

        What comes behind a whole answer, unasked, is no fault of that answer; but then the connection has had its day.
        """
        if self._place is not None:
            self._received += count
            self.whole = self._received == self._length
            return self.whole
        self.started = True
        self._size += count
        try:
            self._parser.feed_data(self._head[:count])
        except httptools.HttpParserError as error:
            if self.whole:
                self.keep = False
                return True
            if isinstance(cause := error.__context__, BadAnswer):
                raise cause from None
            raise BadAnswer(f"the answer is no HTTP/1.1: {error}") from None
        except httptools.HttpParserUpgrade:
            raise BadAnswer("the answer changes to another protocol, which nobody asked for") from None
        if self._size - self._received > self._allowed and not self.whole:
            raise BadAnswer("the head of the answer is too large")
        return self.whole

    def take(self) -> Body:
        """What has come of the body since the last time; it is not kept here."""
        taken = self._parsed if self._place is None else self._place
        self._parsed, self._place = bytearray(), None
        return taken

    # The parser calls --------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.whole:
            raise BadAnswer("something came that was not asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.open:  # what stands behind the last chunk says nothing that we could trust
            self.fields.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        parser = self._parser
        self.status = parser.get_status_code()
        if self.status < FINAL:
            return
        self.open, self.keep = True, parser.should_keep_alive()
        length = self.fields.get(b"content-length")
        if length is not None:
            self._length = int(length)  # the parser has seen to it that it is a number
        if self._collect and self._length > self._most:
            raise self._too_large()

    def on_chunk_header(self) -> None:
        self._allowed += _CHUNK_HEAD_BYTES

    def on_body(self, part: bytes) -> None:
        self._received += len(part)
        self._parsed += part
        if not self._collect:
            return
        if self._received > self._most:
            raise self._too_large()
        if self._received < self._length and self._length > READ_BYTES:
            # What has come is copied, the rest arrives in place; the parser is left in the middle of it.
            self._place, self._fresh = self._memory(self._length), False
            self._place[: self._received] = self._parsed

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < FINAL:
            self.fields = {}
        else:
            self.whole = True

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the answer is larger than {self._most} bytes")
