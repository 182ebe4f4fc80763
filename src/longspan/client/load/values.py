"""What goes into a load and what comes out of it: frozen values, and the arithmetic on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from longspan.client.load.schedule import MOST_REQUESTS, Schedule, Steady

PENDING, FAILED, NOT_SENT = -1, -2, -3
"""Marks in the row of latencies for a request that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, sent as it is. `key` is what a checker knows it by, such as the name of a file."""

    path: str
    body: bytes = b""
    method: str = "POST"
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    key: str = ""

    def head(self, host: str) -> bytes:
        """The request line and headers of HTTP/1.1, with the blank line."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"host: {host}"]
        if self.body or self.method != "GET":
            lines += [f"content-type: {self.content_type}", f"content-length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer, for a checker to judge. Times are `time.monotonic_ns`."""

    number: int
    key: str
    sent_ns: int
    done_ns: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    status: int = 200


Check = Callable[[Answer], str]
"""Returns what is wrong with an answer, in a few words without figures (it is counted by them), or ''."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A load: what is sent where, when, for how long.

    Either `rate_per_second` says when, or another `schedule`: a `Ramp`, or the `Arrivals` of a recording. Raises
    `ValueError` for a plan without requests, with a rate or time that is not positive, with both or neither of the
    two, and for one of no request or of more than `MOST_REQUESTS`.
    """

    address: str
    """``host:port``, or ``unix:PATH``."""
    requests: tuple[Request, ...]
    """Sent in turn, again and again."""
    rate_per_second: float | None = None
    schedule: Schedule | None = None
    seconds: float = math.inf
    """The longest time that it sends; `Background.stop` ends it before. Recorded arrivals end by themselves."""
    new_connection_every: int = 2
    """2: every second request opens one; 1: each; 0: none that is not needed."""
    time_out_seconds: float = 15.0
    in_flight: int = 512
    """Requests that may be unanswered at once; one more is not sent, and counted."""
    check: Check | None = None
    judged: tuple[int, ...] = (200,)
    """Statuses of answers that `check` judges, and that are right without one; any other is a failure."""
    examples: int = 3
    """First failures kept of each reason."""

    def __post_init__(self) -> None:
        if not self.requests:
            raise ValueError("a load needs at least one request")
        if (self.rate_per_second is None) == (self.schedule is None):
            raise ValueError("a load has either a rate_per_second or a schedule")
        if not self.seconds > 0:
            raise ValueError("seconds must be positive")
        if not 0 < self.when.before(self.seconds) <= MOST_REQUESTS:
            raise ValueError(f"a load is of 1 to {MOST_REQUESTS} requests: mind its rate and its seconds")
        if self.new_connection_every not in (0, 1, 2):
            raise ValueError("new_connection_every is 0, 1 or 2")

    @property
    def when(self) -> Schedule:
        """When each request is due."""
        return self.schedule or Steady(self.rate_per_second or 0.0)


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from the moment a request was due to the last byte of its right answer.

    A percentile is the nearest rank: the smallest measured value that at least that share of the
    answers did not exceed. All are NaN when nothing was answered.
    """

    count: int
    p50: float
    p90: float
    p95: float
    p99: float
    p999: float
    worst: float

    @classmethod
    def of(cls, nanoseconds: Sequence[int]) -> Latency:
        """From latencies in any order; negative ones (no right answer) are left out."""
        row = sorted(value for value in nanoseconds if value >= 0)
        if not row:
            return cls(0, *[math.nan] * 6)
        ranks = (max(0, math.ceil(share * len(row)) - 1) for share in (0.5, 0.9, 0.95, 0.99, 0.999, 1.0))
        return cls(len(row), *(row[rank] / 1e9 for rank in ranks))


@dataclass(frozen=True, slots=True)
class Failure:
    """One request that was not answered rightly. `status` is 0 when there was no answer."""

    at_seconds: float
    """When it was found out, since the start of the load."""
    number: int
    key: str
    reason: str
    status: int
    body_start: str


@dataclass(frozen=True, slots=True)
class Reason:
    """How often something went wrong, and the first times that it did."""

    text: str
    count: int
    first: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that was done to the system while the load ran."""

    at_seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class Window:
    """The requests that were due from `start` to before `end` (seconds since the start of the load)."""

    start: float
    end: float
    due: int
    ok: int
    failed: int
    latency: Latency


@dataclass(frozen=True, slots=True)
class Progress:
    """How a load stands that has not ended. What is neither `ok`, `failed` nor `not_sent` is unanswered."""

    seconds: float
    due: int
    ok: int
    failed: int
    not_sent: int
    latency: Latency
    """Of those lately due and answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of every request of a load."""

    schedule: Schedule
    seconds: float
    due: int
    """All that should have been sent: `ok` + `failed` + `not_sent`."""
    ok: int
    failed: int
    not_sent: int
    """Too many were unanswered already (`Plan.in_flight`)."""
    reasons: tuple[Reason, ...]
    latency: Latency
    connections: int
    """Opened, or tried to; the other requests reused one."""
    worst_lag_seconds: float
    """The latest that a request was sent after it was due: how far the client itself fell behind."""
    late: int
    """Sent more than 10 ms after they were due."""
    marks: tuple[Mark, ...]
    nanoseconds: tuple[int, ...] = field(repr=False)
    """Latency of each request in the order they were due; negative: `FAILED`, `NOT_SENT`."""

    @property
    def clean(self) -> bool:
        """Was every request sent, and answered rightly?"""
        return self.ok == self.due > 0

    def window(self, start: float, end: float) -> Window:
        """What became of the requests due in this span of seconds since the start."""
        first, last = (min(self.due, self.schedule.before(max(0.0, at))) for at in (start, end))
        row = self.nanoseconds[first:last]
        ok = sum(value >= 0 for value in row)
        return Window(start, end, len(row), ok, len(row) - ok, Latency.of(row))

    def timeline(self, step_seconds: float = 1.0) -> tuple[Window, ...]:
        """The whole load in windows of `step_seconds`, by when requests were due; empty ones too."""
        windows: list[Window] = []
        while self.schedule.before(len(windows) * step_seconds) < self.due:
            windows.append(self.window(len(windows) * step_seconds, (len(windows) + 1) * step_seconds))
        return tuple(windows)

    def __str__(self) -> str:
        """A few lines for people: counts, percentiles, and the first failures."""
        ms = [f"{value * 1e3:.2f}" for value in (self.latency.p50, self.latency.p99, self.latency.worst)]
        counts = f"{self.ok} ok, {self.failed} failed, {self.not_sent} not sent"
        lines = [
            f"{self.due} requests in {self.seconds:.1f} s: {counts}",
            f"p50 {ms[0]} ms, p99 {ms[1]} ms, worst {ms[2]} ms; {self.connections} connections",
        ]
        for reason in self.reasons:
            lines.append(f"  {reason.count} x {reason.text}")
            lines += [
                f"    at {one.at_seconds:.3f} s, request {one.number} {one.key}: status {one.status} {one.body_start}"
                for one in reason.first
            ]
        lines += [f"  {mark.at_seconds:7.2f} s  {mark.text}" for mark in self.marks]
        return "\n".join(lines)
