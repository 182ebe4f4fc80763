"""The handshake, in the server's place: ``GET /-/replica`` on a socket beside the slot's.

Only control asks, as the same user. Nobody waits for a client that is silent, and there are never many.
"""

from __future__ import annotations

import socket
from time import monotonic

import msgspec
from msgspec.structs import replace

from longspan.serving.slot import Listening
from longspan.wire import http1
from longspan.wire.orders import Identity

MOST = 32
MOST_BYTES = 4096
GIVEN_UP_SECONDS = 2.0


class Door:
    """Answers who lives here. `step` looks after all that `descriptors` names."""

    def __init__(self, path: str, identity: Identity) -> None:
        """Listen at `path`, under its name at once. Raises `LongspanError` when the system does not let us."""
        self.identity = identity
        self._listening = Listening(path)
        self._listening.publish()
        self._asking: dict[socket.socket, tuple[float, bytes]] = {}

    def drain(self) -> None:
        """From now on the answer says so."""
        self.identity = replace(self.identity, state="draining")

    def descriptors(self) -> list[int]:
        """What to wait for."""
        return [self._listening.socket.fileno(), *(asking.fileno() for asking in self._asking)]

    def step(self) -> None:
        """Accept, read and answer as far as that goes without waiting."""
        now = monotonic()
        while len(self._asking) < MOST and (came := self._accepted()) is not None:
            self._asking[came] = (now, b"")
        for asking, (since, text) in list(self._asking.items()):
            asked = self._read(asking, text)
            if asked is not None and now - since < GIVEN_UP_SECONDS:
                self._asking[asking] = (since, asked)
            else:
                del self._asking[asking]
                asking.close()

    def close(self) -> None:
        """Nobody lives here any more."""
        self._listening.withdraw()
        self._listening.socket.close()
        for asking in self._asking:
            asking.close()

    def _accepted(self) -> socket.socket | None:
        try:
            came, _ = self._listening.socket.accept()
        except OSError:
            return None
        came.setblocking(False)
        return came

    def _read(self, asking: socket.socket, text: bytes) -> bytes | None:
        """What has been asked so far; None when there is no more to come, or to say."""
        try:
            piece = asking.recv(MOST_BYTES)
            text += piece
            if not piece or len(text) > MOST_BYTES:
                return None
            if b"\r\n\r\n" not in text:
                return text
            known = text.startswith(b"GET /-/replica ")
            body = msgspec.json.encode(self.identity) if known else b'{"error":"not found"}'
            asking.sendall(http1.response(200 if known else 404, b"application/json", body, keep_alive=False))
        except BlockingIOError:
            return text
        except OSError:
            return None
        return None
