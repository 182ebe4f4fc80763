"""What a gateway, a proxy or anybody else answers our clients with: any bytes, then the end.

Held: a reply, or one of our own errors whose text can be said; the load client tells its owner once.
"""

from __future__ import annotations

import socket
from typing import Any

import numpy as np

from longspan.base.errors import LongspanError, RequestError
from longspan.client import address
from longspan.client.line import Line, Lines
from longspan.client.load.connection import Connection
from longspan.client.questions import ANSWER_BYTES
from longspan.client.sync import Client
from tests.fuzz.given import cut, expanded, sound, steered
from tests.fuzz.memory import Memory

_ARRAY = np.zeros(1, np.float32)
_MOST_BYTES = 150_000
"""Of an answer: a pair of sockets holds it, so that nobody need write while the client reads."""


class _Answered(Lines):
    """Connections to whoever has written its answer already."""

    answer = b""

    def opened(self, until: float) -> Line:
        here, there = socket.socketpair()
        with there:
            there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            there.sendall(self.answer)
            there.shutdown(socket.SHUT_WR)
        return Line(here, "fuzzed", ANSWER_BYTES)


class _Fuzzed(Client):
    def __init__(self, answer: bytes) -> None:
        super().__init__("http://fuzzed", timeout=5.0, retry=None)
        self._lines = _Answered(address.read(self.url), 1, ANSWER_BYTES, None)
        self._lines.answer = answer


def run(data: bytes) -> None:
    """Raises when something that is held above does not."""
    steering, raw = steered(data)
    answer = expanded(raw)[:_MOST_BYTES]
    gateway = _Fuzzed(answer)
    way = steering[0] % 4 if steering else 0
    try:
        if way == 0:
            reply = gateway.send("same", b"x", media_type="text/plain")
            assert reply.body in answer or b"chunked" in answer.lower(), "a body that did not come"
        elif way == 1:
            gateway.infer("rows", {"x": _ARRAY})
        elif way == 2:
            gateway.ready()
        else:
            with gateway.stream("same", b"x", media_type="text/plain") as stream:
                size = sum(len(part) for part in stream)
            assert size <= len(answer)
    except RequestError as error:
        assert 100 <= error.status <= 999
        sound(error.problem, answer)
    except LongspanError as error:
        sound(str(error), answer)
    _loaded(answer, steering)


class _Owner:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def answered(self, number: int, status: int, connection: Connection) -> None:
        self.told.append((number, status))

    def lost(self, number: int, reason: str, connection: Connection) -> None:
        self.told.append((number, reason))

    def gone(self, connection: Connection) -> None:
        """Nothing is owed for that."""


def _loaded(answer: bytes, steering: bytes) -> None:
    """The load client's connection."""
    owner = _Owner()
    connection = Connection(owner)
    transport = Memory(connection)
    connection.send(7, (b"GET / HTTP/1.1\r\n\r\n",))
    transport.feed(cut(answer, steering))
    transport.lose()
    assert [number for number, _ in owner.told] == [7], f"told {owner.told}"
