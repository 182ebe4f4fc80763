"""Who answers at each slot's socket? All are asked at once, and nobody waits for one that is silent.

A worker that hangs (stopped, or deep in a call that holds the interpreter) must not cost the others their trip: its
question stays open until the next trips find an answer, for a second at most, and then it is asked anew. Nothing here
blocks and no thread is needed: a question is a non-blocking socket that one poll looks after.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from longspan.client.connection import UnixConnection
from longspan.wire.orders import Identity

PATIENCE_SECONDS = 0.02
"""So long a trip waits for all that are silent, together. An idle worker answers within one millisecond."""
_GIVEN_UP_SECONDS = 1.0
_LASTS_SECONDS = 0.5
_QUESTION = b"GET /-/replica HTTP/1.1\r\nhost: worker\r\nconnection: close\r\n\r\n"
_ANSWER_BYTES = 1 << 16


class Handshakes:
    """What each process told of itself, and the questions that are still open. Used by one thread."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, Identity]] = {}
        self._open: dict[int, _Question] = {}

    def ask(self, sockets: Mapping[int, Path]) -> dict[int, Identity]:
        """Pid of a process -> its identity, for those that answered within the last half second.

        `sockets`: pid -> the socket that it should answer at. Takes `PATIENCE_SECONDS` at most.
        """
        now = time.monotonic()
        self._known = {
            p: (at, who) for p, (at, who) in self._known.items() if p in sockets and now - at < _LASTS_SECONDS
        }
        for pid, question in list(self._open.items()):
            if pid not in sockets or now - question.since > _GIVEN_UP_SECONDS:
                self._open.pop(pid).close()
        for pid, path in sockets.items():
            if pid not in self._known and pid not in self._open and (asked := _asked(path, now)) is not None:
                self._open[pid] = asked
        self._listen(now + PATIENCE_SECONDS)
        return {pid: who for pid, (_, who) in self._known.items()}

    def _listen(self, until: float) -> None:
        poll = select.poll()
        by_descriptor = {question.wire.fileno(): pid for pid, question in self._open.items()}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLIN)
        while by_descriptor and (ready := poll.poll(max(0.0, until - time.monotonic()) * 1000)):
            for descriptor, _ in ready:
                pid = by_descriptor[descriptor]
                if not self._open[pid].ended():
                    continue
                poll.unregister(descriptor)
                del by_descriptor[descriptor]
                question = self._open.pop(pid)
                question.close()
                if (who := question.identity()) is not None:
                    self._known[pid] = (time.monotonic(), who)


class _Question:
    """One question under way."""

    def __init__(self, wire: socket.socket, since: float) -> None:
        self.wire, self.since = wire, since
        self._answer = b""

    def ended(self) -> bool:
        """Read what has come; is there no more to come?"""
        try:
            piece = self.wire.recv(_ANSWER_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            return True
        self._answer += piece
        return not piece or len(self._answer) > _ANSWER_BYTES

    def identity(self) -> Identity | None:
        head, _, body = self._answer.partition(b"\r\n\r\n")
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            if head.startswith(b"HTTP/1.1 200 "):
                return msgspec.json.decode(body, type=Identity)
        return None

    def close(self) -> None:
        self.wire.close()


def _asked(path: Path, now: float) -> _Question | None:
    """The question sent; None where nobody listens, or where too many wait to be heard already."""
    connection = UnixConnection(str(path), 0)
    try:
        connection.connect()
        # A fresh socket takes these few bytes at once.
        connection.sock.sendall(_QUESTION)
    except OSError:
        connection.close()
        return None
    return _Question(connection.sock, now)
