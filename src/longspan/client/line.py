"""One kept connection of the client that blocks, and all of them together.

A connection is used by one call at a time and given back when its answer is whole. One that the other side has closed
meanwhile is seen before anything is written; whether another was, one cannot know once it has been written to.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from longspan.base.errors import Unreachable
from longspan.client.address import Address
from longspan.client.opening import LONGEST_WAIT, connected, left, machines_tls
from longspan.client.retries import Cut, NotOpened
from longspan.wire.answers import AnswerReader, BadAnswer, Body, zeroed

if TYPE_CHECKING:
    import ssl

IDLE_SECONDS = 60.0
"""A connection that has been idle for longer is not used again: below the gateway's own limit."""

_JOINED_BYTES = 64 << 10
"""Below this a copy costs less than another call of the kernel."""


class Line:
    """A connection. Moments are `time.monotonic`. Methods raise `Unreachable`."""

    def __init__(self, wire: socket.socket, url: str, most_bytes: int) -> None:
        """`wire`: connected. `url`: how errors name the other side. `most_bytes`: of an answer's body."""
        self._socket, self._url = wire, url
        self.reader = AnswerReader(most_bytes, unwritten)
        """Holds the last answer."""
        self.since = time.monotonic()
        """When it was last given back."""
        self.process = os.getpid()
        """Who opened it."""
        self._decrypted: Callable[[], int] | None = getattr(wire, "pending", None)

    @property
    def usable(self) -> bool:
        """May another request be sent?"""
        return self.reader.whole and self.reader.keep

    @property
    def stale(self) -> bool:
        """Has the other side closed it, or said something that nobody asked for?"""
        if time.monotonic() - self.since > IDLE_SECONDS or (self._decrypted is not None and self._decrypted()):
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def ask(self, parts: Sequence[Body], until: float, *, collect: bool = True) -> None:
        """Send a request and read its answer: all of it, or with `collect` false its head."""
        reader = self.reader
        reader.expect(collect=collect)
        unsent = self._sent(parts, until)
        while not (reader.whole if collect else reader.open):
            self._read(until, unsent=unsent)

    def more(self, until: float) -> bytes:
        """The next piece of a body that is not collected; empty at its end."""
        reader = self.reader
        while not (piece := reader.take()) and not reader.whole:
            self._read(until)
        return bytes(piece)

    def close(self) -> None:
        """At once."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def _sent(self, parts: Sequence[Body], until: float) -> bool:
        """Send all. Who refuses a large body answers before it is all sent, then closes: that answer is still there to
        read. True: the connection was closed already when the first byte should have gone.
        """
        joined = [b"".join(parts)] if sum(map(len, parts)) <= _JOINED_BYTES else parts
        for number, part in enumerate(joined):
            try:
                self._send(part, until)
            except TimeoutError as error:
                raise self._late() from error
            except OSError:
                return number == 0 and len(part) <= _JOINED_BYTES
        return False

    def _send(self, part: Body, until: float) -> None:
        # Not sendall: with TLS its time limit is for each record, and a slow reader could hold us for long.
        self._socket.settimeout(left(until))
        count = self._socket.send(part)
        while count < len(part):
            self._socket.settimeout(left(until))
            count += self._socket.send(memoryview(part)[count:])

    def _read(self, until: float, *, unsent: bool = False) -> None:
        reader = self.reader
        try:
            self._socket.settimeout(left(until))
            count = self._socket.recv_into(reader.room())
            if count:
                reader.came(count)
                return
        except TimeoutError as error:
            raise self._late() from error
        except BadAnswer as error:
            raise Unreachable(str(error), at=self._url) from None
        except OSError:
            pass
        cut = Cut("closed the connection before the whole answer had come", at=self._url)
        cut.untouched, cut.unsent = not reader.started, unsent and not reader.started
        raise cut

    def _late(self) -> Unreachable:
        return Unreachable("did not answer in time", at=self._url)


class Lines:
    """The connections of one client: at most so many at a time, the one used last first. For several threads."""

    def __init__(self, address: Address, most: int, most_bytes: int, tls: ssl.SSLContext | None = None) -> None:
        """`most_bytes`: of an answer's body. `tls`: None for the machine's own certificates."""
        self._address, self._most, self._most_bytes, self._tls = address, most, most_bytes, tls
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._idle: list[Line] = []
        self._places: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(self._most):
            self._places.put(None)

    def enter(self, until: float) -> None:
        """Wait for a place among the connections. Raises `Unreachable` when none came free in time."""
        if os.getpid() != self._process:
            # Two processes on one connection would read each other's answers.
            self.close()
            self._begin()
        try:
            self._places.get(timeout=max(0.0, min(until - time.monotonic(), LONGEST_WAIT)))
        except queue.Empty:
            problem = f"all {self._most} connections of this client were in use"
            raise Unreachable(problem, at=self._address.url, remedy="Give it more (connections=)") from None

    def kept(self) -> Line | None:
        """A connection that may be used again, as far as one can see."""
        while True:
            try:
                line = self._idle.pop()
            except IndexError:
                return None
            if not line.stale:
                return line
            line.close()

    def opened(self, until: float) -> Line:
        """A new connection. Raises `NotOpened`."""
        where = self._address
        try:
            if where.tls and self._tls is None:
                self._tls = machines_tls()
            wire = connected(where, until, self._tls)
        except TimeoutError as error:
            raise NotOpened("did not answer in time", at=where.url) from error
        except (OSError, ValueError) as error:  # ValueError: a path with NUL, a host that is none
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise NotOpened(f"cannot be reached ({reason})", at=where.url) from error
        return Line(wire, where.url, self._most_bytes)

    def leave(self, line: Line | None) -> None:
        """Give the place back, and the connection."""
        if line is not None:
            if line.usable and line.process == self._process:
                line.since = time.monotonic()
                self._idle.append(line)
            else:
                line.close()
        self._places.put(None)

    def close(self) -> None:
        """Close what is idle; what is in use is closed by its call."""
        # Threads may take from it meanwhile, so that it is not empty proves nothing.
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    def __del__(self) -> None:
        self.close()


def unwritten(size: int) -> memoryview:
    """Memory for a large body. numpy's is not zeroed first; but nobody need import it for that alone."""
    numpy = sys.modules.get("numpy")
    return zeroed(size) if numpy is None else numpy.empty(size, "u1").data
