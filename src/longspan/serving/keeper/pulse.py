"""Does the server still answer anything? One that hangs is alive, and neither ends nor serves.

It is asked for ``/v2/health/live`` every few seconds, and any answer will do: whether it may be sent requests is for
the gateway's health checks. Who works on one request at a time answers late, so silence is borne for twice as long as
a request may take. As everywhere, only time in which the keeper was awake itself is counted.
"""

from __future__ import annotations

import socket
from time import monotonic

EVERY_SECONDS = 5.0
LEAST_SECONDS = 20.0
"""However short its time limits, a server is not ended for a shorter silence."""
LONGEST_LOOK_SECONDS = 1.0
SENT_WITHIN_SECONDS = 0.05
_QUESTION = b"GET /v2/health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"


class Pulse:
    """The question that is under way, and how long nothing has been heard. `step` is called about once a second."""

    def __init__(self, address: str, patience_seconds: float) -> None:
        """`address`: ``127.0.0.1:PORT``, or the path of a socket."""
        self._address, self._patience = address, patience_seconds
        self._wire: socket.socket | None = None
        self._looked = monotonic()
        self._ask_at = self._looked + EVERY_SECONDS
        self.silent_seconds = 0.0

    def descriptors(self) -> list[int]:
        """What to wait for."""
        return [self._wire.fileno()] if self._wire is not None else []

    def step(self) -> bool:
        """Ask, listen. False when it has been silent for longer than is borne."""
        now = monotonic()
        if self._wire is not None or self.silent_seconds:
            self.silent_seconds += min(now - self._looked, LONGEST_LOOK_SECONDS)
        self._looked = now
        if self._wire is not None:
            self._listen()
        if self._wire is None and now >= self._ask_at:
            self._ask_at = now + EVERY_SECONDS
            self._ask()
        return self.silent_seconds <= self._patience

    def close(self) -> None:
        """Ask no more: a question is a connection, too."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None
        self._ask_at = float("inf")

    def _ask(self) -> None:
        host, colon, port = self._address.rpartition(":")
        tcp = bool(colon) and "/" not in self._address
        wire = socket.socket(socket.AF_INET if tcp else socket.AF_UNIX, socket.SOCK_STREAM)
        wire.settimeout(SENT_WITHIN_SECONDS)
        try:
            wire.connect((host, int(port)) if tcp else self._address)
            wire.sendall(_QUESTION)
        except OSError:
            # Refused, or so many wait already that no more may: deaf either way.
            wire.close()
            self.silent_seconds = self.silent_seconds or SENT_WITHIN_SECONDS
            return
        wire.setblocking(False)
        self._wire = wire

    def _listen(self) -> None:
        assert self._wire is not None
        try:
            heard = bool(self._wire.recv(4096))
        except BlockingIOError:
            return
        except OSError:
            heard = False
        self._wire.close()
        self._wire = None
        if heard:
            self.silent_seconds = 0.0
        else:
            self.silent_seconds = self.silent_seconds or SENT_WITHIN_SECONDS
