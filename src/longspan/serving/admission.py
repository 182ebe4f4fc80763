"""May a request come in, has it waited too long, and when may a worker go?

Pure: time arrives as an argument, in nanoseconds of a monotonic clock.
"""

from __future__ import annotations

from longspan.base.errors import RequestError

RETRY_AFTER_SECONDS = 1
SECOND = 1_000_000_000
QUIET = SECOND // 2
"""A draining worker goes when nothing has come for this long."""
LAST_CALL = SECOND // 10
"""How long it then listens to those who had connected before its socket was withdrawn."""


def full(name: str, limit: int) -> RequestError:
    """503: `limit` requests wait already."""
    return RequestError(
        503, f"{name!r} is busy: {limit} requests wait already", retry_after_seconds=RETRY_AFTER_SECONDS
    )


def late(name: str, limit_seconds: float) -> RequestError:
    """504: no answer within the service's time limit."""
    return RequestError(504, f"{name!r} gave no answer within {limit_seconds:g} s")


class Budget:
    """Memory for large bodies, for the whole worker: a hundred clients may not each bring the largest one."""

    __slots__ = ("held", "limit")

    def __init__(self, limit_bytes: int) -> None:
        self.limit, self.held = limit_bytes, 0

    def take(self, size: int) -> bool:
        """Count `size` bytes, if there is room."""
        if self.held + size > self.limit:
            return False
        self.held += size
        return True

    def give(self, size: int) -> None:
        """They are free again."""
        self.held -= size


class Door:
    """Is this worker open, and when may it go?

    Ready until `drain`. From then on it answers what still comes and tells each client to connect elsewhere;
    it withdraws its socket when it has become quiet, hears those out who had connected until then, and goes.
    All of it is bounded by the patience that `drain` is given.
    """

    __slots__ = ("deadline", "draining", "heard", "withdrawn")

    def __init__(self) -> None:
        self.draining = False
        self.withdrawn = False
        self.heard = 0
        """When the last request for a service or model was answered; kept while draining only."""
        self.deadline = 0

    def drain(self, now: int, patience: int) -> None:
        """Begin to leave, within `patience` nanoseconds."""
        self.draining, self.heard, self.deadline = True, now, now + patience

    def quiet(self, now: int, busy: bool, connections: int) -> bool:
        """Is nothing owed to anybody, and is nobody about to ask?

        `busy`: a request is being received or worked for. Past the deadline the answer is yes in any case.
        """
        if now >= self.deadline:
            return True
        if busy:
            return False
        return connections == 0 or now - self.heard >= (LAST_CALL if self.withdrawn else QUIET)

    def withdraw(self, now: int) -> None:
        """The socket is gone; what had connected before is heard once more."""
        self.withdrawn, self.heard = True, now
