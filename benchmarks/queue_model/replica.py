"""One replica of the model: a queue, one thread that takes from it in order, and what its load page would say."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from longspan.wire.load import BOUNDS_SECONDS, EndpointLoad, Load, StepLoad, bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """What all replicas of the unit have in common."""

    start_seconds: float = 1.0
    """From the count that asks for a replica until the gateway sends to it."""
    queue: int = 256
    """Requests that may wait in one; one more is refused."""
    cpu_share: float = 1.0
    """Of the time that a request takes, so much is CPU time; the rest waits for something."""
    rows: int = 1
    """Requests that may share a run."""
    once_seconds: float = 0.0
    """Of the time that a request takes, so much is spent once in a run, however many share it."""


class Replica:
    """Times are seconds since the start of the arrivals; `at` and `service` are the rows of these."""

    __slots__ = (
        "_at", "_began", "_begun", "_buckets", "_busy", "_done", "_runs", "_service", "_sum", "_waited", "_worker",
        "leaving", "queue", "ready", "refused", "running", "slot", "started",
    )  # fmt: skip

    def __init__(
        self, slot: int, started: float, worker: Worker, at: Sequence[float], service: Sequence[float]
    ) -> None:
        self.slot, self.started = slot, started
        self.ready = self.leaving = False
        self.queue: deque[int] = deque()
        self.running: list[int] = []
        self.refused = 0
        self._worker, self._at, self._service = worker, at, service
        self._began = self._busy = self._waited = self._sum = 0.0
        self._begun = self._done = self._runs = 0
        self._buckets = [0] * (len(BOUNDS_SECONDS) + 1)

    @property
    def in_flight(self) -> int:
        return len(self.queue) + len(self.running)

    def begin(self, now: float) -> float:
        """Take what runs next out of the queue, which must not be empty; how long it will take."""
        once = self._worker.once_seconds
        took = once
        while self.queue and len(self.running) < self._worker.rows:
            number = self.queue.popleft()
            self.running.append(number)
            self._waited += now - self._at[number]
            took += max(0.0, self._service[number] - once)
        self._begun += len(self.running)
        self._began = now
        return took

    def end(self, now: float) -> list[int]:
        """The run is over: who is answered."""
        answered, self.running = self.running, []
        self._busy += now - self._began
        self._runs += 1
        self._done += len(answered)
        for number in answered:
            self._sum += now - self._at[number]
            self._buckets[bucket(round((now - self._at[number]) * 1e9))] += 1
        return answered

    def busy(self, now: float) -> float:
        """Seconds that it has worked so far."""
        return self._busy + (now - self._began if self.running else 0.0)

    def page(self, unit: str, now: float) -> Load:
        """What its load page says at this moment."""
        endpoint = EndpointLoad(
            name=unit,
            requests={status: n for status, n in ((200, self._done), (503, self.refused)) if n},
            in_flight=self.in_flight,
            queued=len(self.queue),
            refused=self.refused,
            timeouts=0,
            cancelled=0,
            bytes_in=0,
            bytes_out=0,
            begun=self._begun,
            waited_seconds=self._waited,
            oldest_seconds=now - self._at[self.queue[0]] if self.queue else 0.0,
            duration_sum_seconds=self._sum,
            duration_count=self._done,
            duration_buckets=tuple(self._buckets),
        )
        step = StepLoad(
            endpoint=unit,
            step="step",
            count=self._done,
            seconds=self._busy,
            rows=self._done,
            batches=self._runs,
            errors=0,
            waiting=len(self.queue),
        )
        return Load(
            endpoints=(endpoint,),
            steps=(step,),
            cpu_seconds=self.busy(now) * self._worker.cpu_share,
            started=round(self.started * 1e9),
            ready=self.ready,
            connections=self.in_flight,
        )
