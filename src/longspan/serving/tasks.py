"""Chains with asynchronous steps, and streams: one task per request.

Never batched. The synchronous steps between are handed to the chain thread, in order. A stream is written as it
comes; when its client reads slowly the step is not asked for more, and when the client has gone the step is
closed (``aclose``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import aclosing
from time import monotonic_ns
from typing import Any, Protocol

from longspan.base.errors import RequestError
from longspan.serving import graph
from longspan.serving.admission import full
from longspan.serving.exchange import Exchange
from longspan.serving.runner import Workshop
from longspan.serving.thread import Job


class StreamOut(Protocol):
    """Where the values of a stream go: the endpoint, which frames and counts them."""

    async def open(self, exchange: Exchange) -> None:
        """The first value is there: wait for the connection's turn, send the head."""

    async def send(self, exchange: Exchange, value: dict[str, Any]) -> None:
        """One value; returns when the client has read enough for the next. Raises `RequestError`."""

    def end(self, exchange: Exchange) -> None:
        """The stream is whole."""


class Tasks:
    """The lane of an endpoint that has an asynchronous step; also the source of its calls in the thread."""

    def __init__(
        self,
        name: str,
        steps: Sequence[graph.Step],
        workshop: Workshop,
        *,
        queue: int,
        finish: Callable[[Exchange], None],
        out: StreamOut,
    ) -> None:
        """`queue` bounds the requests that run at the same time. `finish` answers; `out` takes what is streamed."""
        self._name, self._workshop, self._bound, self._finish = name, workshop, queue, finish
        self._parts = _parts(steps)
        self._out = out
        self._running: dict[Exchange, None] = {}
        self._calls: deque[_Call] = deque()

    def take(self, exchange: Exchange) -> None:
        if len(self._running) >= self._bound:
            raise full(self._name, self._bound)
        self._running[exchange] = None
        exchange.progress = exchange.started
        exchange.task = self._workshop.loop.create_task(self._drive(exchange))
        self._workshop.wake()

    def drop(self, exchange: Exchange) -> None:
        self._leave(exchange)
        if exchange.task is not None:
            exchange.task.cancel()

    def late(self, before: int) -> list[Exchange]:
        late = [one for one in self._running if one.progress - one.early < before]
        for exchange in late:
            self.drop(exchange)
        return late

    def load(self) -> tuple[int, int]:
        return 0, len(self._running)

    def next(self) -> Job | None:
        while self._calls:
            call = self._calls.popleft()
            if not call.exchange.done and not call.returned.done():
                return call
        return None

    async def _drive(self, exchange: Exchange) -> None:
        try:
            for part in self._parts:
                await self._through(part, exchange)
                if exchange.error is not None:
                    break
        except BaseException as error:  # even SystemExit of a step fails this request alone
            if exchange.done:  # it was us who cancelled it
                raise
            exchange.error = error
        self._leave(exchange)
        if not exchange.done:
            self._finish(exchange)

    async def _through(self, part: Sequence[graph.Step], exchange: Exchange) -> None:
        step = part[0]
        if step.call == "sync":
            call = _Call(part, exchange, self._workshop.loop.create_future())
            self._calls.append(call)
            self._workshop.thread.offer(self)
            await call.returned
            return
        begun = monotonic_ns()
        graph.enter(step, exchange)
        try:
            given = step.given(exchange.values)
            if step.call == "stream":
                await self._pump(step.function(given), exchange)
            else:
                result = await step.function(given)
                if step.final:
                    exchange.outputs = result
                for output, key in step.outputs:
                    exchange.values[key] = result[output]
        except BaseException:
            exchange.failed_at = step.name
            step.errors += 1
            raise
        finally:
            step.nanoseconds += monotonic_ns() - begun
            step.count += 1
            step.rows += exchange.rows
            step.batches += 1

    async def _pump(self, values: Any, exchange: Exchange) -> None:
        begun = False
        async with aclosing(values):
            async for value in values:
                if not begun:
                    await self._out.open(exchange)
                    begun = True
                await self._out.send(exchange, value)
                exchange.progress = monotonic_ns()
                # A step that never waits must not hold the loop: every chunk leaves before the next is made.
                await asyncio.sleep(0)
        if not begun:
            await self._out.open(exchange)
        self._out.end(exchange)

    def _leave(self, exchange: Exchange) -> None:
        self._running.pop(exchange, None)


def _parts(steps: Sequence[graph.Step]) -> list[list[graph.Step]]:
    """Synchronous steps that follow each other are one call in the thread; any other step stands alone."""
    parts: list[list[graph.Step]] = []
    for step in steps:
        if parts and step.call == "sync" == parts[-1][0].call:
            parts[-1].append(step)
        else:
            parts.append([step])
    return parts


class _Call:
    """The synchronous part of one request, for the chain thread."""

    __slots__ = ("exchange", "returned", "steps")

    def __init__(self, steps: Sequence[graph.Step], exchange: Exchange, returned: asyncio.Future[None]) -> None:
        self.steps, self.exchange, self.returned = steps, exchange, returned

    def work(self) -> None:
        graph.run(self.steps, [self.exchange], monotonic_ns)

    def finish(self, failure: BaseException | None) -> None:
        if failure is not None and self.exchange.error is None:
            self.exchange.error = RequestError(500, "a step ended its thread")
            self.exchange.error.__cause__ = failure
        if not self.returned.done():
            self.returned.set_result(None)
