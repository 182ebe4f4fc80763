"""May a request come in, has it waited too long, and when may a worker go?

Pure: time arrives as an argument, in nanoseconds of a monotonic clock.
"""

from __future__ import annotations

from longspan.base.errors import RequestError

RETRY_AFTER_SECONDS = 1
SECOND = 1_000_000_000
LONGEST_PAUSE = SECOND
"""How long at most a full unit is left alone: the next call then finds out."""
QUIET = SECOND // 2
"""A draining worker goes when nothing has come for this long."""
LAST_CALL = SECOND // 10
"""How long it then listens to those who had connected before its socket was withdrawn."""


def full(name: str, limit: int) -> RequestError:
    """503: `limit` requests wait already."""
    return RequestError(
        503, f"{name!r} is busy: {limit} requests wait already", retry_after_seconds=RETRY_AFTER_SECONDS
    )


class Going(RequestError):
    """503: this replica leaves, and has begun nothing of this request; the gateway sends it elsewhere (`refusals`)."""

    def __init__(self, name: str) -> None:
        super().__init__(503, f"{name!r} is being restarted here", retry_after_seconds=RETRY_AFTER_SECONDS)


def crowded() -> RequestError:
    """503: the memory for large bodies is given out."""
    return RequestError(503, "too many large bodies at once", retry_after_seconds=RETRY_AFTER_SECONDS)


def late(name: str, limit_seconds: float) -> RequestError:
    """504: no answer within the service's time limit."""
    return RequestError(504, f"{name!r} gave no answer within {limit_seconds:g} s")


def clogged(name: str, step: str) -> RequestError:
    """503: the unit that runs `step` takes no more just now."""
    return RequestError(
        503, f"{name!r} is busy: its step {step!r} takes no more just now", retry_after_seconds=RETRY_AFTER_SECONDS
    )


class Edge:
    """The way from a service to a step that runs in another unit: may more requests come that will need it?

    Not while `bound` calls are under way, nor for a moment after the unit has said that it is full: until it answers a
    call again, or the time is over that it asked for, at most `LONGEST_PAUSE`.
    """

    __slots__ = ("bound", "in_flight", "step", "until")

    def __init__(self, step: str, bound: int) -> None:
        self.step, self.bound = step, bound
        self.in_flight = 0
        """Calls under way; whoever calls counts them."""
        self.until = 0
        """It has said that it is full, and is left alone until then."""

    def closed(self, now: int) -> bool:
        """Shall requests be refused now?"""
        return self.in_flight >= self.bound or now < self.until

    def refused(self, now: int, seconds: int) -> None:
        """The unit has refused a call, for so many seconds."""
        self.until = now + min(seconds * SECOND, LONGEST_PAUSE)

    def answered(self) -> None:
        """It has taken a call."""
        self.until = 0


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
