"""Graphs with branches, asynchronous and remote steps, and streams: one task per request, which walks the graph.

Whatever is ready begins: synchronous steps in the thread of their track (`order.tracks`), others as tasks, so branches
run at the same time and a step in a thread never meets itself. Several requests are under way at once; those that
wait for the same steps of a thread go through them together, as in a chain. The first error wins: steps that have not
begun do not begin, and what the others give is thrown away. A stream is written as it comes; when its client reads
slowly the step is not asked for more, and when the client has gone the step is closed (``aclose``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from functools import partial
from time import monotonic_ns
from typing import Any, Protocol

from longspan.serving import graph, order
from longspan.serving.admission import Going, full
from longspan.serving.branches import Call, Stretch, Track
from longspan.serving.company import Limits, group
from longspan.serving.exchange import Exchange, current, time_limit
from longspan.serving.lingering import Cut
from longspan.serving.padding import Gathered
from longspan.serving.runner import SHUT, Waits, Workshop
from longspan.serving.step import Step

AT_ONCE = 8
"""Calls that a padded step in another unit has under way for one request, at most."""
SHARE = 4
"""All requests together have about this part of what may wait there under way, but each at least one: so neither one
large request nor many small ones fill another unit's queue."""


class StreamOut(Protocol):
    """Where the values of a stream go: the endpoint, which frames and counts them."""

    async def open(self, exchange: Exchange) -> None:
        """The first value is there: wait for the connection's turn, send the head."""

    async def send(self, exchange: Exchange, value: dict[str, Any]) -> None:
        """One value; returns when the client has read enough for the next. Raises `RequestError`."""

    def end(self, exchange: Exchange) -> None:
        """The stream is whole."""


class Tasks:
    """The lane of an endpoint whose steps do not all follow each other in one thread."""

    def __init__(
        self,
        name: str,
        steps: Sequence[Step],
        before: order.Needs,
        limits: Limits,
        workshop: Workshop,
        *,
        queue: int,
        finish: Callable[[Exchange], None],
        out: StreamOut,
    ) -> None:
        """`before`: which steps wait for which. `queue` bounds the requests that are under way at the same time.

        `finish` answers; `out` takes what is streamed.
        """
        self._name, self._workshop, self._bound, self._finish = name, workshop, queue, finish
        self._out = out
        threaded = [step.call == "sync" for step in steps]
        on = order.tracks(before, threaded)
        self._parts = order.parts(before, on, threaded)
        rows = limits.steps(False)
        for step, limit in zip(steps, rows, strict=True):
            step.rows_limit = limit
            step.watch(True)
        tracks = {
            one: Track(workshop.thread.track(one), self._begin, workshop.noted) for one in sorted(set(on)) if one >= 0
        }
        self._stretches = [
            Stretch(
                [steps[place] for place in part.steps],
                group([steps[place] for place in part.steps], [rows[place] for place in part.steps]),
                tracks.get(on[part.steps[0]]),
            )
            for part in self._parts
        ]
        self._line = all(part.after == ((index - 1,) if index else ()) for index, part in enumerate(self._parts))
        """Is one thing done after the other?"""
        self._running: dict[Exchange, None] = {}
        self._waiting: dict[Exchange, None] = {}
        """Those whose first step has not begun."""
        self._begun = self._waited = 0

    def take(self, exchange: Exchange) -> None:
        if len(self._running) + len(self._workshop.lingering) >= self._bound:
            raise Going(self._name) if self._bound < 0 else full(self._name, self._bound)
        self._running[exchange] = self._waiting[exchange] = None
        exchange.progress = exchange.started
        exchange.task = self._workshop.loop.create_task(self._drive(exchange))
        self._workshop.wake()

    def drop(self, exchange: Exchange) -> None:
        self._leave(exchange)
        if exchange.task is not None:
            self._cut(exchange)(exchange.task)
            exchange.task = None  # a ring, if it had not begun

    def shut(self) -> list[Exchange]:
        self._bound, waiting = SHUT, list(self._waiting)
        for exchange in waiting:
            self.drop(exchange)
        return waiting

    def _cut(self, exchange: Exchange) -> Cut:
        """How a task of this request is told to end."""
        return partial(self._workshop.lingering.cut, limit=time_limit([exchange]))

    def late(self, before: int) -> list[Exchange]:
        late = [one for one in self._running if one.progress - one.early < before]
        for exchange in late:
            self.drop(exchange)
        return late

    def load(self) -> tuple[int, int]:
        return len(self._waiting), len(self._running)

    def waits(self, now: int) -> Waits:
        oldest = next((now - exchange.started for exchange in self._waiting), 0)
        return Waits(self._begun, self._waited, oldest)

    def _leave(self, exchange: Exchange) -> None:
        self._running.pop(exchange, None)
        self._waiting.pop(exchange, None)

    def _begin(self, exchange: Exchange) -> None:
        """Its first step begins, or another of them."""
        if exchange in self._waiting:
            del self._waiting[exchange]
            self._begun += 1
            self._waited += monotonic_ns() - exchange.started

    def _share(self) -> int:
        """Calls that one request may have under way, while so many are here."""
        return max(1, min(AT_ONCE, self._bound // (SHARE * max(1, len(self._running)))))

    # One request -------------------------------------------------------------------------------------------

    async def _drive(self, exchange: Exchange) -> None:
        current.set(exchange)
        try:
            if self._line:
                for stretch in self._stretches:
                    await self._through(stretch, exchange)
                    if exchange.error is not None:
                        break
            else:
                await self._walk(exchange)
        except BaseException as error:  # even SystemExit of a step fails this request alone
            if exchange.done and isinstance(error, asyncio.CancelledError):  # it was us who cancelled it
                raise
            if exchange.error is None:
                exchange.error = error
        finally:
            # The task's context knows the request: a ring that would keep its arrays until the collector comes.
            exchange.task = None
        self._leave(exchange)
        if not exchange.done:
            self._finish(exchange)

    async def _walk(self, exchange: Exchange) -> None:
        """Begin whatever is ready, until everything has ended or something has failed."""
        left = [len(part.after) for part in self._parts]
        under_way: dict[asyncio.Task[None], int] = {}

        def begin(index: int) -> None:
            under_way[self._workshop.loop.create_task(self._through(self._stretches[index], exchange))] = index

        try:
            for index, wait in enumerate(left):
                if not wait:
                    begin(index)
            while under_way:
                done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    index = under_way.pop(task)
                    task.result()
                    if exchange.error is not None:
                        return
                    for follower in self._parts[index].followers:
                        left[follower] -= 1
                        if not left[follower]:
                            begin(follower)
        finally:
            for task in under_way:
                self._cut(exchange)(task)

    async def _through(self, stretch: Stretch, exchange: Exchange) -> None:
        """Its steps, for this request. A step's own failure is told in the exchange."""
        if stretch.track is not None:
            call = Call(stretch, exchange, self._workshop.loop.create_future())
            stretch.track.offer(call)
            try:
                await call.returned
            except asyncio.CancelledError:
                stretch.track.withdraw(call)
                raise
            return
        step = stretch.steps[0]
        self._begin(exchange)
        try:
            if not graph.wanted(step, exchange):
                return
            rows = graph.rows_of(step, exchange)
        except Exception as error:  # noqa: BLE001 - such as a condition that a model gave no element of
            graph.fail(step, exchange, error)
            return
        graph.enter(step, exchange)
        begun = monotonic_ns()
        step.waiting += 1
        noted = self._workshop.noted
        entered = noted.enter((exchange,), place=step.place) if step.own else []
        try:
            given = step.given(exchange.values)
            if step.call == "stream":
                await self._pump(step.whole(given), exchange)
            else:
                whole = step.padding is None
                step.put(exchange, await (step.whole(given) if whole else self._spread(step, given, exchange)))
        except BaseException as error:  # even SystemExit fails this request alone
            given_up = exchange.done or exchange.error is not None
            if given_up and isinstance(error, asyncio.CancelledError):  # it was us who cancelled it
                raise
            graph.fail(step, exchange, error)
        finally:
            noted.leave(entered)
            step.waiting -= 1
            step.nanoseconds += monotonic_ns() - begun
            step.count += 1
            step.rows += rows
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

    async def _spread(self, step: Step, given: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        """A padded asynchronous step: each of its runs is a call of its own, as many together as `_share` allows."""
        padding = step.padding
        assert padding is not None, "only a padded step runs this way"
        runs = padding.runs([given], step.rows_limit)
        back = Gathered(padding, [padding.count(given)])
        left = iter(runs)
        active = min(self._share(), len(runs))

        async def some() -> None:
            nonlocal active
            for run in left:
                back.put(run, await step.whole(run.inputs()))
                if active > self._share():  # other requests have come meanwhile
                    active -= 1
                    return

        await _together([some() for _ in range(active)], self._cut(exchange))
        step.padded(runs)
        step.batches += len(runs) - 1  # whoever called counts one
        return back.outputs(0)


async def _together(calls: Sequence[Any], cut: Cut) -> None:
    """All at once; the first that fails ends the others, and its error is raised."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            if not task.done():
                cut(task)
        tasks.clear()  # else the error knows them by its traceback, and one of them knows the error
