"""May a call that failed be tried again, and when?

A retry is safe where nothing was done: the connection never opened, or the gateway refused with 503 and Retry-After,
which it says only of work that was not begun. A connection that was cut may have left half of the work done: such a
call is tried again only where its caller says `repeatable`. A call that ran out of time is never tried again.

Retries have a budget, so that a system in trouble does not get a multiple of its load: every call pays a share of one
in, every retry takes a whole one out (as Finagle's and gRPC's do). Waits are drawn between nothing and a bound that
doubles, so that those who failed together do not come back together ("full jitter"); a Retry-After is waited for first.

Sources: RFC 9110, 10.2.3 (Retry-After); gRFC A6 (retry throttling); Brooker, "Exponential Backoff And Jitter".
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from longspan.base.errors import LongspanError, RequestError, Unreachable

_MOST_DOUBLINGS = 30


class NotOpened(Unreachable):
    """There was no connection, so nothing was sent."""


class Cut(Unreachable):
    """The connection was lost before the whole answer had come."""

    untouched = False
    """Nothing of an answer had come."""
    unsent = False
    """Nor had anything of the request gone."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a client tries again. Seconds are seconds."""

    attempts: int = 4
    """Of one call, the first included."""
    share: float = 0.2
    """Retries that a client may make in the long run, of its calls."""
    least: float = 10.0
    """Retries that it may make beyond that, at its start and after every calm."""
    first_seconds: float = 0.05
    """Bound of the first wait; the next ones are twice the one before."""
    most_seconds: float = 2.0
    """Largest bound of a wait, apart from what the gateway asks for."""


DEFAULT = Retry()


class Retries:
    """One client's policy and what is left of its budget. May be used by several threads."""

    def __init__(self, policy: Retry | None, draw: Callable[[], float] = random.random) -> None:
        """`draw`: a number from 0 to 1."""
        self._policy, self._draw = policy, draw
        self._lock = threading.Lock()
        self.balance = policy.least if policy is not None else 0.0

    def called(self) -> None:
        """A call begins: it pays in."""
        if (policy := self._policy) is not None and self.balance < policy.least:
            with self._lock:
                self.balance = min(policy.least, self.balance + policy.share)

    def wait(self, error: LongspanError, attempt: int, left_seconds: float, *, repeatable: bool) -> float | None:
        """Seconds to wait before the next attempt; None: `error` is what the caller gets. `attempt` counts from 1."""
        policy = self._policy
        if policy is None or attempt >= policy.attempts or not _safe(error, repeatable):
            return None
        bound = min(policy.most_seconds, policy.first_seconds * 2 ** min(attempt - 1, _MOST_DOUBLINGS))
        seconds = self._draw() * bound
        if isinstance(error, RequestError):
            seconds += error.retry_after_seconds or 0
        return seconds if seconds < left_seconds and self._withdrawn() else None

    def _withdrawn(self) -> bool:
        with self._lock:
            if self.balance < 1:
                return False
            self.balance -= 1
            return True


def _safe(error: LongspanError, repeatable: bool) -> bool:
    if isinstance(error, RequestError):
        return error.status == 503 and error.retry_after_seconds is not None
    return isinstance(error, NotOpened) or (repeatable and isinstance(error, Cut))
