"""What comes back over the egress socket, which may be any server's: any bytes, cut anywhere.

Held: one of an answer, `Lost` and `TooLarge`, the same however it is cut; never more of a body than is taken; a
connection that may be used again has nothing of the last answer left in it.
"""

from __future__ import annotations

import asyncio
from functools import cache

import msgspec

from longspan.serving.egress.connection import Connection, Lost, TooLarge
from tests.fuzz.given import cut, expanded, steered
from tests.fuzz.memory import Memory

MOST_BYTES = 100_000
_BOUNDS_BYTES = 60 << 10


class Outcome(msgspec.Struct):
    """What became of a call. `kind`: ``answer``, ``Lost``, ``TooLarge``, or ``nothing`` so far."""

    kind: str
    status: int = 0
    fields: dict[bytes, bytes] = {}
    body: bytes = b""
    usable: bool = False


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def run(data: bytes) -> None:
    """Raises when something that is held above does not."""
    steering, raw = steered(data)
    raw = expanded(raw)
    whole = _asked([raw])
    other = _asked(cut(raw, steering))
    if raw.endswith((b"\r", b"\n")):
        # An empty line behind an answer is passed over, unless it comes by itself: then nobody had asked.
        whole.usable = other.usable = whole.usable and other.usable
    if whole != other:
        # Heads and bodies beyond the bounds are noticed sooner or later.
        early = {whole.kind, other.kind} <= {"Lost", "TooLarge"} and not (whole.usable or other.usable)
        assert early or len(raw) > _BOUNDS_BYTES, f"{whole} whole, {other} in pieces"


def _asked(pieces: list[bytes]) -> Outcome:
    connection = Connection(_loop(), MOST_BYTES)
    transport = Memory(connection)
    future = connection.ask([b"GET / HTTP/1.1\r\n\r\n"])
    transport.feed(pieces)
    assert connection.usable <= future.done(), "free before its answer"
    usable = connection.usable
    assert usable != transport.closed or not future.done(), "neither usable nor closed"
    pending = not future.done()
    transport.lose()
    error = future.exception()
    if pending:
        assert isinstance(error, Lost), "the other side has gone, and nobody is told"
        return Outcome("nothing")
    if error is not None:
        assert isinstance(error, Lost | TooLarge), f"{error!r} is told to nobody"
        return Outcome(type(error).__name__, usable=usable)
    answer = future.result()
    assert len(answer.body) <= MOST_BYTES
    assert answer.status >= 200
    assert all(name == name.lower() for name in answer.fields)
    return Outcome("answer", answer.status, answer.fields, bytes(answer.body), usable)
