"""When and where do the steps of a synchronous chain run: on the loop, or in the thread?

A chain of quick models runs on the loop, with no task, timer or future: a request that comes alone at once, inside the
parser's callback. One that comes right behind another is not alone: it and whatever else comes in during this turn of
the loop run at its end, as one batch.

Any other chain runs whole in the worker's one chain thread, so synchronous steps are never called concurrently. Idle
never waits: a request that finds the thread free goes at once. Busy takes what has queued: while a group runs the next
one gathers, and what is alike goes together (`batching.cut`), as many as the steps gain by (`company`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import NamedTuple, Protocol

from longspan.serving import graph
from longspan.serving.admission import Going
from longspan.serving.batching import cut
from longspan.serving.company import Company, Limits
from longspan.serving.exchange import Exchange, time_limit
from longspan.serving.line import Line
from longspan.serving.lingering import Lingering
from longspan.serving.noted import Noted
from longspan.serving.pace import SLOW, Pace
from longspan.serving.preempted import preempted
from longspan.serving.thread import ChainThread, Job

CLOSE = 20_000
"""Nanoseconds. A request that came sooner after a run had come while it ran: there may be more of them. Only then is
it worth to call back at the end of the turn, which costs more than a tiny model (5 us where the cache is cold)."""

SHUT = -1
"""Instead of how many may wait: none ever will again."""


class Lane(Protocol):
    """Where the requests of one endpoint wait and run."""

    def take(self, exchange: Exchange) -> None:
        """Let it wait its turn. Raises `RequestError` 503 when too many do."""

    def drop(self, exchange: Exchange) -> None:
        """Nobody wants it any more: do not run it if that can be helped."""

    def late(self, before: int) -> list[Exchange]:
        """Those that have waited or run since before that moment, dropped."""

    def shut(self) -> list[Exchange]:
        """Begin nothing more, and refuse what comes: those that had not begun, dropped."""

    def load(self) -> tuple[int, int]:
        """(how many wait for their first step, how many wait or run)."""

    def waits(self, now: int) -> Waits:
        """How they have waited. Brings `waiting` of its steps up to date, too."""


class Waits(NamedTuple):
    """Requests before their first step; times in nanoseconds."""

    begun: int
    """How many have left it behind, since the worker started."""
    waited: int
    """How long these had waited, all together."""
    oldest: int
    """So long the oldest of those that still wait has waited; 0 when none does."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all lanes of a worker share."""

    loop: asyncio.AbstractEventLoop
    thread: ChainThread
    wake: Callable[[], None]
    """Start the sweep that ends what takes too long; it stops by itself when nothing waits or runs."""
    lingering: Lingering = field(default_factory=Lingering)
    noted: Noted = field(default_factory=Noted.nowhere)


class Groups:
    """The lane of an endpoint whose steps are all synchronous; also the source of its jobs."""

    def __init__(
        self,
        name: str,
        steps: Sequence[graph.Step],
        limits: Limits,
        pace: Pace | None,
        workshop: Workshop,
        *,
        queue: int,
        finish: Callable[[Exchange], None],
        parts: bool = False,
    ) -> None:
        """`pace`: None for a chain that never runs on the loop.

        `queue` is how many may wait for the thread; `finish` answers an exchange that has run. `parts`: what comes is
        called by another unit, several times for one request.
        """
        self._name, self._steps, self._limits, self._pace = name, steps, limits, pace
        self._bound, self._finish, self._workshop = queue, finish, workshop
        self._company, self._line = Company(steps), Line(name, stands=not parts)
        self._parts = parts
        self._waiting: list[Exchange] = []
        self._running: list[Exchange] = []
        self._entered_at = 0
        """When the group that ran last entered the thread."""
        self._ran: frozenset[str] = frozenset()
        """Of which requests that group was; of a lane of `parts` only."""
        self._called = False
        self._ended = 0
        """When the loop last ended a run of this chain."""
        self._entered = self._waited = 0
        """Requests that have entered the thread, and nanoseconds that they had waited. On the loop nothing waits."""
        self._last = steps[-1]
        self.noted, self._trail = workshop.noted, workshop.noted.trail()
        for step in steps:
            step.trail = self._trail
        self._adopt()

    def take(self, exchange: Exchange) -> None:
        if self.inline:
            # No bound: what gathers runs at the end of this turn, nothing waits behind anything.
            if self._called:
                self._waiting.append(exchange)
            elif exchange.started - self._ended < CLOSE:
                self._waiting.append(exchange)
                self._called = True
                self._workshop.loop.call_soon(self._turn)
            else:
                if graph.alone(self._steps, exchange, monotonic_ns) > SLOW:
                    self._slow()
                self._finish(exchange)
                self._ended = monotonic_ns()
            return
        if self._bound < 0:
            raise Going(self._name)
        self._line.put(self._waiting, exchange, self._bound, self._rows_limit)
        if not self._called:
            self._called = True
            self._workshop.thread.offer(self)
            self._workshop.wake()

    def drop(self, exchange: Exchange) -> None:
        if exchange in self._waiting:
            self._waiting.remove(exchange)
            self._line.leave(exchange.connection_id)

    def late(self, before: int) -> list[Exchange]:
        late = [one for one in (*self._waiting, *self._running) if one.started - one.early < before and not one.done]
        for exchange in late:
            self.drop(exchange)
        return late

    def shut(self) -> list[Exchange]:
        self._bound, waiting, self._waiting = SHUT, self._waiting, []
        return waiting

    def load(self) -> tuple[int, int]:
        waiting = len(self._waiting)
        return waiting, waiting + len(self._running)

    def waits(self, now: int) -> Waits:
        first = self._steps[0]
        oldest = now - min([one.started + one.own for one in self._waiting], default=now) if not self.inline else 0
        first.waiting = len(self._waiting)
        # What runs on the loop is not counted but by its first step; in the thread that may still be running.
        return Waits(max(first.requests + first.skipped, self._entered), self._waited, oldest)

    # On the loop -------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """All that has gathered during one turn of the loop."""
        self._called = False
        waiting, self._waiting = self._waiting, []
        while waiting:
            group, waiting = cut(waiting, self._rows_limit)
            entered = self.noted.enter_on_the_loop(group, self._trail)
            if graph.run(self._steps, group, monotonic_ns) > SLOW:
                self._slow()
            for exchange in group:
                self._finish(exchange)
            self.noted.leave(entered)
            self.noted.on_the_loop(self._trail)
            if not self.inline:
                self._move(waiting)
                return
        self._ended = monotonic_ns()

    def _slow(self) -> None:
        if self._pace is not None and not preempted():
            self._pace.slow(self._last.runs)
            if not self._pace.inline:
                self._adopt()

    def _move(self, waiting: list[Exchange]) -> None:
        """The chain has become slow: what still waits goes to the thread."""
        self._waiting = waiting + self._waiting
        if self._waiting:
            self._called = True
            self._workshop.thread.offer(self)
            self._workshop.wake()

    def _adopt(self) -> None:
        self.inline = self._pace is not None and self._pace.inline
        self.noted.on_the_loop(self._trail)
        self._rows_limit = self._limits.group(self.inline)
        for step, limit in zip(self._steps, self._limits.steps(self.inline), strict=True):
            step.rows_limit = limit
        for step in self._steps[1:]:
            # A request may be given up while it is in the thread; on the loop nobody could.
            step.watch(not self.inline)

    # In the thread -----------------------------------------------------------------------------------------

    def next(self) -> Job | None:
        """The next group, cut when the thread is free for it."""
        self._called = False
        now = monotonic_ns()
        while self._waiting and now - self._waiting[0].started >= self._waiting[0].left:
            self._expire(self._waiting[0])  # its turn has come too late, and the sweep has not
        if not self._waiting:
            return None
        if self._parts:
            self._excuse(now)
        self._running, self._waiting = cut(self._waiting, self._company.limit(self._rows_limit))
        self._line.enter(self._running)
        self._entered += len(self._running)
        self._waited += len(self._running) * now - sum([one.started + one.own for one in self._running])
        if self._parts:
            self._entered_at, self._ran = now, frozenset([one.request_id for one in self._running])
        if self._waiting:
            self._called = True
            self._workshop.thread.offer(self)
        return _Group(self, self._running, self.noted.enter(self._running, self._trail))

    def _expire(self, exchange: Exchange) -> None:
        self.drop(exchange)
        if (endpoint := exchange.route.endpoint) is not None:
            endpoint.too_late(exchange)

    def _excuse(self, now: int) -> None:
        """A part that stood behind parts of its own request was kept by nobody: another replica is no remedy for that.

        Else each picture of many lines would count as a rush, however seldom one comes.
        """
        for one in self._waiting:
            if one.request_id in self._ran:
                one.own += now - max(self._entered_at, one.started)

    def run_group(self, group: Sequence[Exchange]) -> None:
        """In the thread: take `group` through the steps."""
        took = graph.run(self._steps, group, monotonic_ns)
        self._company.ran(sum([one.rows for one in group]), took)
        self._line.ran(len(group), took)
        if self._pace is not None:
            run = self._last.runs
            if took > SLOW and not preempted():
                self._pace.slow(run)
            self._pace.look(run)

    def group_done(self, group: Sequence[Exchange], failure: BaseException | None) -> None:
        """Back on the loop."""
        if self._running is group:  # else the thread has the next one already
            self._running = []
        for exchange in group:
            if failure is not None and exchange.error is None:
                exchange.error, exchange.failed_at = failure, self._name
            if not exchange.done:
                self._finish(exchange)
        if self._pace is not None and self._pace.inline and not self._waiting and not self._running:
            self._adopt()


class _Group:
    """A group on its way through the thread."""

    __slots__ = ("_entered", "group", "lane")

    def __init__(self, lane: Groups, group: list[Exchange], entered: list[int]) -> None:
        self.lane, self.group, self._entered = lane, group, entered

    @property
    def limit(self) -> int:
        return time_limit(self.group)

    def work(self) -> None:
        self.lane.run_group(self.group)

    def finish(self, failure: BaseException | None) -> None:
        self.lane.group_done(self.group, failure)
        self.lane.noted.leave(self._entered)
