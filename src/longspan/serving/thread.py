"""The worker's one chain thread, and who takes turns on it.

There is one, so synchronous steps are never called concurrently. The loop owns every queue: the thread gets one job
at a time and hands it back, so there is no lock to forget.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from queue import SimpleQueue
from typing import Protocol


class Job(Protocol):
    """A piece of work for the chain thread."""

    def work(self) -> None:
        """In the thread."""

    def finish(self, failure: BaseException | None) -> None:
        """On the loop, afterwards. `failure`: what `work` raised, if it did."""


class Source(Protocol):
    """Somebody who has jobs."""

    def next(self) -> Job | None:
        """The next job, or None. Whoever has more offers himself again."""


class ChainThread:
    """The one thread, and the sources that take turns on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._inbox: SimpleQueue[Job | None] = SimpleQueue()
        self._sources: deque[Source] = deque()
        self._called = False
        self._thread: threading.Thread | None = None
        self.busy = False

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
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="longspan-chain", daemon=True)
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
        self.busy = False
        self._turn()  # first, so that the thread runs on while the loop encodes
        job.finish(failure)

    def close(self, patience_seconds: float) -> bool:
        """End the thread after its job; False when that takes longer than `patience_seconds`."""
        if self._thread is None:
            return True
        self._inbox.put(None)
        self._thread.join(patience_seconds)
        return not self._thread.is_alive()
