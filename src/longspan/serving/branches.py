"""Tracks of a graph, and those who wait for a thread there.

A stretch is what one request does in a thread without a look at anything else. Of those that wait for the same
stretch of a track as many go together as its steps gain by; whoever came first goes first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic_ns
from typing import Any

from longspan.base.errors import RequestError
from longspan.serving import graph
from longspan.serving.batching import cut
from longspan.serving.company import Company
from longspan.serving.exchange import Exchange, time_limit
from longspan.serving.noted import Noted
from longspan.serving.step import Step
from longspan.serving.thread import ChainThread, Job


class Stretch:
    """Steps that follow each other in one thread, or one asynchronous step."""

    __slots__ = ("_alone", "company", "steps", "track", "trail")

    def __init__(self, steps: Sequence[Step], alone: int, track: Track | None) -> None:
        """`alone`: rows of requests that its steps gain by (`company.group`). No `track`: an asynchronous step."""
        self.steps, self.track, self._alone = steps, track, alone
        self.trail = None if track is None else track.noted.trail()
        for step in steps:
            step.trail = self.trail
        self.company = Company(steps)

    @property
    def together(self) -> int:
        """Rows of requests that go together now."""
        return self.company.limit(self._alone)


class Call:
    """A stretch of one request, for the thread: a case of its own, so that two of them never write one error."""

    __slots__ = ("_exchange", "alike", "error", "failed_at", "outputs", "returned", "rows", "stretch", "values")

    def __init__(self, stretch: Stretch, exchange: Exchange, returned: asyncio.Future[None]) -> None:
        self.stretch, self._exchange, self.returned = stretch, exchange, returned
        self.values: dict[str, Any] = exchange.values
        self.outputs: dict[str, Any] = {}
        self.error: BaseException | None = None
        self.failed_at = ""
        self.rows, self.alike = exchange.rows, (id(stretch), exchange.alike)

    @property
    def exchange(self) -> Exchange:
        return self._exchange

    @property
    def done(self) -> bool:
        """Nobody waits for the request, or another of its steps has failed."""
        return self._exchange.done or self._exchange.error is not None

    @property
    def request_id(self) -> str:
        return self._exchange.request_id

    def end(self, failure: BaseException | None) -> None:
        """Back on the loop: what it gave or how it failed is the request's, unless another failed first."""
        exchange = self._exchange
        if failure is not None and self.error is None:
            self.error = RequestError(500, "a step ended its thread")
            self.error.__cause__ = failure
        if self.outputs:
            exchange.outputs = self.outputs
        if self.error is not None and exchange.error is None and not isinstance(self.error, graph.Left):
            exchange.error, exchange.failed_at = self.error, self.failed_at
        self.error = None  # whose traceback knows this call: see `Endpoint._failed`
        if not self.returned.done():
            self.returned.set_result(None)


class Track:
    """The calls of one endpoint that wait for one thread; a source of its jobs."""

    def __init__(self, thread: ChainThread, begin: Callable[[Exchange], None], noted: Noted) -> None:
        """`begin` is told of each request before it enters the thread, and it is `noted` as under way."""
        self._thread, self._begin, self.noted = thread, begin, noted
        self._waiting: list[Call] = []
        self._offered = False

    def offer(self, call: Call) -> None:
        """Let it wait its turn."""
        self._waiting.append(call)
        call.stretch.steps[0].waiting += 1
        self._ask()

    def withdraw(self, call: Call) -> None:
        """It is not to begin any more, if it has not."""
        if call in self._waiting:
            self._waiting.remove(call)
            call.stretch.steps[0].waiting -= 1

    def _ask(self) -> None:
        if not self._offered:
            self._offered = True
            self._thread.offer(self)

    def next(self) -> Job | None:
        self._offered = False
        if not self._waiting:
            return None
        if len(self._waiting) == 1:
            group, self._waiting = self._waiting, []
        else:
            group, self._waiting = cut(self._waiting, self._waiting[0].stretch.together)
            if self._waiting:
                self._ask()
        group[0].stretch.steps[0].waiting -= len(group)
        for call in group:
            self._begin(call.exchange)
        return _Group(group, self.noted)


class _Group:
    """Calls on their way through the thread."""

    __slots__ = ("_calls", "_entered", "_noted")

    def __init__(self, calls: Sequence[Call], noted: Noted) -> None:
        self._calls, self._noted = calls, noted
        self._entered = noted.enter([call.exchange for call in calls], calls[0].stretch.trail)

    @property
    def limit(self) -> int:
        return time_limit([call.exchange for call in self._calls])

    def work(self) -> None:
        stretch = self._calls[0].stretch
        took = graph.run(stretch.steps, self._calls, monotonic_ns)
        stretch.company.ran(sum([call.rows for call in self._calls]), took)

    def finish(self, failure: BaseException | None) -> None:
        for call in self._calls:
            call.end(failure)
        self._noted.leave(self._entered)
