"""The loop of a load: sends what is due, keeps what came of it, and tells it as a `Report`."""

from __future__ import annotations

import asyncio
import threading
import time
from array import array
from collections.abc import Coroutine
from typing import Any

import uvloop

from longspan.client.load.connection import Connection
from longspan.client.load.pace import Pace
from longspan.client.load.values import (
    FAILED,
    NOT_SENT,
    PENDING,
    Answer,
    Failure,
    Latency,
    Mark,
    Plan,
    Progress,
    Reason,
    Report,
)

_SWEEP_SECONDS = 0.05
_BODY_START = 200
LATE_NS = 10_000_000
"""A request that was sent later than this after it was due was late by our own fault."""


async def drive(plan: Plan) -> Report:
    """Run the load to its end on the running event loop."""
    return await Drive(plan).run()


def run(plan: Plan) -> Report:
    """Run the load to its end on an event loop of its own, in this thread."""
    return uvloop.run(drive(plan))


class Drive:
    """State of one load. `stopping`, `started` and `marks` may be touched from another thread."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._host = "localhost" if plan.address.startswith("unix:") else plan.address
        self._requests = [(request.head(self._host), request.body) for request in plan.requests]
        self._keys = [request.key for request in plan.requests]
        self._when = plan.when
        self._most = self._when.before(plan.seconds)
        self.stopping = False
        self.started = threading.Event()
        self.marks: list[Mark] = []
        self._start_ns = time.monotonic_ns()
        self._row = array("q")
        self._sent: dict[int, tuple[int, Connection | None]] = {}
        """Unanswered requests, the oldest first: when each was sent, and over what once that is open."""
        self._idle: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._connections = self._worst_lag_ns = self._late = self._not_sent = self._failed = 0
        self._counts: dict[str, int] = {}
        self._first: dict[str, list[Failure]] = {}

    def since_start(self, now_ns: int) -> float:
        return (now_ns - self._start_ns) / 1e9

    def progress(self, window_seconds: float) -> Progress:
        """How it stands; also asked from another thread, so nothing is kept of what is read."""
        seconds, due, unanswered = self.since_start(time.monotonic_ns()), len(self._row), len(self._sent)
        recent = Latency.of(self._row[self._when.before(max(0.0, seconds - window_seconds)) : due])
        ok = due - unanswered - self._failed - self._not_sent
        return Progress(seconds, due, ok, self._failed, self._not_sent, recent)

    async def run(self) -> Report:
        self._loop = asyncio.get_running_loop()
        self._all_due, self._start_ns = asyncio.Event(), time.monotonic_ns() + 1_000_000
        self._pace = Pace(self._start_ns + self._when.due_ns(0))
        self._loop.add_reader(self._pace.descriptor, self._tick)
        self.started.set()
        try:
            while self._sent or not self._all_due.is_set():
                await asyncio.sleep(_SWEEP_SECONDS)
                self._sweep()
                if self.stopping:
                    self._end()
        finally:
            self._loop.remove_reader(self._pace.descriptor)
            self._pace.close()
            for task in self._opening:
                task.cancel()
            for connection in list(self._idle):
                connection.abandon()
        return self._report(time.monotonic_ns())

    def _tick(self) -> None:
        now = time.monotonic_ns()
        while (number := len(self._row)) < self._most and not self.stopping:
            due = self._start_ns + self._when.due_ns(number)
            if due > now:
                # The next stop is looked for in the sweep, too: recorded arrivals may be minutes apart.
                self._pace.wait_until(due)
                return
            self._worst_lag_ns = max(self._worst_lag_ns, now - due)
            self._late += now - due > LATE_NS
            self._dispatch(number, now)
        self._end()

    def _end(self) -> None:
        """Nothing more is due."""
        if not self._all_due.is_set():
            self._all_due.set()
            self._loop.remove_reader(self._pace.descriptor)

    def _dispatch(self, number: int, now: int) -> None:
        if len(self._sent) >= self._plan.in_flight:
            self._row.append(NOT_SENT)
            self._not_sent += 1
            return
        self._row.append(PENDING)
        every = self._plan.new_connection_every
        reuse = self._idle and (every == 0 or (every == 2 and number % 2))
        if reuse:
            connection = self._idle.pop()
            self._sent[number] = (now, connection)
            connection.send(number, self._requests[number % len(self._requests)])
            return
        self._sent[number] = (now, None)
        self._connections += 1
        task = self._loop.create_task(self._open(number))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, number: int) -> None:
        try:
            opened = await self._connect()
        except OSError as error:
            self._fail(number, _connect_reason(error), 0, b"")
            return
        if number not in self._sent:  # It timed out while the connection was being opened.
            opened.abandon()
            return
        self._sent[number] = (time.monotonic_ns(), opened)
        opened.send(number, self._requests[number % len(self._requests)])

    def _connect(self) -> Coroutine[Any, Any, Connection]:
        async def connect() -> Connection:
            if self._plan.address.startswith("unix:"):
                path = self._plan.address.removeprefix("unix:")
                _, connection = await self._loop.create_unix_connection(lambda: Connection(self), path)
            else:
                host, _, port = self._plan.address.rpartition(":")
                _, connection = await self._loop.create_connection(lambda: Connection(self), host, int(port))
            return connection

        return connect()

    def answered(self, number: int, status: int, connection: Connection) -> None:
        now = time.monotonic_ns()
        sent = self._sent.get(number)
        if sent is not None:
            judged = status in self._plan.judged
            reason = self._judge(number, status, sent[0], now, connection) if judged else f"status {status}"
            if reason:
                self._fail(number, reason, status, connection.body)
            else:
                del self._sent[number]
                self._row[number] = now - self._start_ns - self._when.due_ns(number)
        every = self._plan.new_connection_every
        if connection.usable and (every == 0 or connection.uses < every):
            self._idle.append(connection)
        else:
            connection.abandon()

    def _judge(self, number: int, status: int, sent_ns: int, now: int, connection: Connection) -> str:
        if self._plan.check is None:
            return ""
        answer = Answer(
            number=number,
            key=self._keys[number % len(self._keys)],
            sent_ns=sent_ns,
            done_ns=now,
            headers=tuple(connection.headers),
            body=connection.body,
            status=status,
        )
        try:
            wrong = self._plan.check(answer)
        except Exception as error:  # noqa: BLE001  A checker that cannot read an answer found a wrong one.
            wrong = f"the check failed with {type(error).__name__}"
        return f"wrong answer: {wrong}" if wrong else ""

    def lost(self, number: int, reason: str, connection: Connection) -> None:
        self._fail(number, reason, 0, connection.body)

    def gone(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)

    def _sweep(self) -> None:
        """Give up what has waited too long. The oldest stands first, and all have the same time."""
        limit = time.monotonic_ns() - round(self._plan.time_out_seconds * 1e9)
        while self._sent:
            number, (sent_ns, connection) = next(iter(self._sent.items()))
            if sent_ns > limit:
                return
            if connection is not None:
                connection.abandon()
            self._fail(number, "no answer in time" if connection else "no connection in time", 0, b"")

    def _fail(self, number: int, reason: str, status: int, body: bytes) -> None:
        if self._sent.pop(number, None) is None:
            return
        self._row[number] = FAILED
        self._failed += 1
        self._counts[reason] = self._counts.get(reason, 0) + 1
        first = self._first.setdefault(reason, [])
        if len(first) < self._plan.examples:
            at = self.since_start(time.monotonic_ns())
            text = body[:_BODY_START].decode("utf-8", "replace")
            first.append(Failure(at, number, self._keys[number % len(self._keys)], reason, status, text))

    def _report(self, now: int) -> Report:
        row = tuple(self._row)
        return Report(
            schedule=self._when,
            seconds=self.since_start(now),
            due=len(row),
            ok=len(row) - self._failed - self._not_sent,
            failed=self._failed,
            not_sent=self._not_sent,
            reasons=tuple(Reason(text, count, tuple(self._first[text])) for text, count in self._counts.items()),
            latency=Latency.of(row),
            connections=self._connections,
            worst_lag_seconds=self._worst_lag_ns / 1e9,
            late=self._late,
            marks=tuple(self.marks),
            nanoseconds=row,
        )


def _connect_reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, FileNotFoundError):
        return "no such socket"
    return f"no connection: {error.strerror or type(error).__name__}"
