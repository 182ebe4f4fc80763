"""Tasks that were told to end, and have not.

A task ends when it is cancelled, unless code of the user keeps it from that: an ``except`` that swallows everything, a
clean-up that never comes to its end. What nobody waits for any more still holds its request and does whatever it
does, so it is counted where requests are, and a replica where it goes on for too long is given up (`hung`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from time import monotonic_ns
from typing import Any, NamedTuple, Protocol


class Cut(Protocol):
    """How a task of a request is told to end."""

    def __call__(self, task: asyncio.Future[Any], /) -> None: ...


class Overdue(NamedTuple):
    """A task that has been told to end."""

    task: asyncio.Future[Any]
    since: int
    """Nanoseconds of the monotonic clock, when it was told."""
    limit: int
    """Nanoseconds that its request had."""


class Lingering:
    """Those of one worker. Owned by the event loop."""

    def __init__(self) -> None:
        self._told: dict[asyncio.Future[Any], Overdue] = {}

    def __len__(self) -> int:
        return len(self._told)

    def __iter__(self) -> Iterator[Overdue]:
        """The oldest first."""
        return iter(self._told.values())

    def cut(self, task: asyncio.Future[Any], limit: int) -> None:
        """Tell it to end, now; whatever it ends with is known, or nobody wants to know."""
        if task.cancel():
            self._told[task] = Overdue(task, monotonic_ns(), limit)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._told.pop(task, None)
        if not task.cancelled():
            task.exception()
