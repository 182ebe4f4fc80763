"""The worker's chain thread, and who takes turns on it.

Chains have one thread between them, so their synchronous steps are never called concurrently. A graph with branches
has one more for each further track (`order.tracks`): there a step is not called concurrently with itself. The loop owns
every queue: a thread gets one job at a time and hands it back, so there is no lock to forget.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from queue import SimpleQueue
from time import monotonic_ns
from typing import NamedTuple, Protocol


class Job(Protocol):
    """A piece of work for the chain thread."""

    @property
    def limit(self) -> int:
        """Nanoseconds within which those that it runs for must be answered; of several the most."""

    def work(self) -> None:
        """In the thread."""

    def finish(self, failure: BaseException | None) -> None:
        """On the loop, afterwards. `failure`: what `work` raised, if it did."""


class Source(Protocol):
    """Somebody who has jobs."""

    def next(self) -> Job | None:
        """The next job, or None. Whoever has more offers himself again."""


class UnderWay(NamedTuple):
    """A job that a thread has not handed back."""

    job: Job
    since: int
    """Nanoseconds of the monotonic clock."""
    thread: threading.Thread


class ChainThread:
    """One thread, and the sources that take turns on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str = "longspan-chain") -> None:
        self._loop, self._name = loop, name
        self._inbox: SimpleQueue[Job | None] = SimpleQueue()
        self._sources: deque[Source] = deque()
        self._called = False
        self._thread: threading.Thread | None = None
        self._others: list[ChainThread] = []
        self._job: Job | None = None
        self._since = 0
        self.busy = False

    def under_way(self) -> Iterator[UnderWay]:
        """What this thread and those of the other tracks are at."""
        for one in (self, *self._others):
            if one.busy and one._job is not None and one._thread is not None:
                yield UnderWay(one._job, one._since, one._thread)

    def track(self, number: int) -> ChainThread:
        """The thread of a track: number 0 is this one, any other is made when it is first asked for."""
        while len(self._others) < number:
            self._others.append(ChainThread(self._loop, f"{self._name}-{len(self._others) + 1}"))
        return self._others[number - 1] if number else self

    def offer(self, source: Source) -> None:
        """`source` has a job; it is asked for it as soon as the thread is free and its turn has come."""
        self._sources.append(source)
        if not self.busy and not self._called:
            # Not at once: what else comes in during this turn of the loop may join the same group.
            self._called = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._called = False
        while self._sources and not self.busy:
            job = self._sources.popleft().next()
            if job is not None:
                self.busy = True
                self._job, self._since = job, monotonic_ns()
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                    self._thread.start()
                self._inbox.put(job)

    def _run(self) -> None:
        while (job := self._inbox.get()) is not None:
            failure: BaseException | None = None
            try:
                job.work()
            except BaseException as error:  # noqa: BLE001 - even SystemExit of a step must not end the thread
                failure = error
            try:
                self._loop.call_soon_threadsafe(self._done, job, failure)
            except RuntimeError:  # the loop has been closed: the worker is going
                return

    def _done(self, job: Job, failure: BaseException | None) -> None:
        self.busy, self._job = False, None
        self._turn()  # first, so that the thread runs on while the loop encodes
        job.finish(failure)

    def close(self, patience_seconds: float) -> bool:
        """End all tracks after their jobs; False when one takes longer than `patience_seconds`."""
        started = [one._thread for one in (self, *self._others) if one._thread is not None]
        for one in (self, *self._others):
            one._inbox.put(None)
        for thread in started:
            thread.join(patience_seconds)
        return not any(thread.is_alive() for thread in started)
