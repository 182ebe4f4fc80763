"""Is the load client as strict as it says? Against a real server that misbehaves on purpose."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.client.load import Answer, Arrivals, Background, Latency, Plan, Ramp, Report, Request, Steady, run

Reply = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


class Server:
    """HTTP/1.1 on a unix socket, in a thread; `reply` is given each body and answers as it likes."""

    def __init__(self, path: Path, reply: Reply) -> None:
        self.address = f"unix:{path}"
        self.connections: list[int] = []
        """For each connection in the order of arrival, the number of requests it brought."""
        self._path, self._reply = path, reply
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))
        self._up = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_unix_server(self._serve, self._path)
        self._up.set()
        await self._stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.connections)
        self.connections.append(0)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                self.connections[number] += 1
                await self._reply(body, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def always(answer: bytes) -> Reply:
    async def reply(body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return reply


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "s.sock"


def plan(address: str, **changes: object) -> Plan:
    asked = Request(path="/x", body=b"question")
    return replace(Plan(address=address, requests=(asked,), rate_per_second=400, seconds=0.1), **changes)  # type: ignore[arg-type]


def reasons(report: Report) -> dict[str, int]:
    return {reason.text: reason.count for reason in report.reasons}


def test_every_second_request_opens_a_new_connection_and_the_others_reuse_one(socket: Path) -> None:
    with Server(socket, always(OK)) as server:
        report = run(plan(server.address, rate_per_second=100, seconds=0.4))
    assert report.clean
    assert report.due == sum(server.connections) == 40
    assert report.connections == len(server.connections)
    assert set(server.connections) <= {1, 2}
    assert len(server.connections) >= 20


def test_connections_are_kept_or_always_new_when_asked_for(socket: Path) -> None:
    with Server(socket, always(OK)) as server:
        kept = run(plan(server.address, rate_per_second=100, seconds=0.2, new_connection_every=0))
        used = sum(server.connections)
        assert kept.clean
        assert kept.connections < used == 20
        assert run(plan(server.address, new_connection_every=1)).connections == 40


def test_anything_but_200_is_a_failure_with_its_first_examples(socket: Path) -> None:
    busy = b'HTTP/1.1 503 Busy\r\ncontent-length: 16\r\n\r\n{"error": "full"}'[:-1]
    with Server(socket, always(busy)) as server:
        report = run(plan(server.address, requests=(Request(path="/x", key="first"), Request(path="/x", key="second"))))
    assert not report.clean
    assert (report.ok, report.failed) == (0, 40)
    (reason,) = report.reasons
    assert (reason.text, reason.count, len(reason.first)) == ("status 503", 40, 3)
    example = min(reason.first, key=lambda one: one.number)
    assert (example.status, example.key, example.body_start) == (503, "first", '{"error": "full"')
    assert "503" in str(report)


def test_a_wrong_answer_is_a_failure_even_with_200_and_so_is_one_the_check_cannot_read(socket: Path) -> None:
    def check(answer: Answer) -> str:
        if answer.number == 7:
            raise KeyError("label")
        return "" if answer.body == b"hi" and answer.number != 5 else "greeting"

    with Server(socket, always(OK)) as server:
        report = run(plan(server.address, check=check))
    assert reasons(report) == {"wrong answer: greeting": 1, "wrong answer: the check failed with KeyError": 1}
    assert report.ok == report.latency.count == 38


def test_nobody_listening_fails_every_request(socket: Path) -> None:
    report = run(plan(f"unix:{socket}"))
    assert reasons(report) == {"no such socket": 40}
    assert report.latency.count == 0
    assert math.isnan(report.latency.p50)
    assert reasons(run(plan("127.0.0.1:1"))) == {"connection refused": 40}


def test_a_connection_that_is_cut_is_a_failure_and_is_not_tried_again(socket: Path) -> None:
    async def cut(body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(OK[:-1])
        await writer.drain()
        writer.transport.abort()

    with Server(socket, cut) as server:
        report = run(plan(server.address))
        assert sum(server.connections) == 40
    assert report.failed == 40
    assert all(text.startswith("connection") and "in the middle of an answer" in text for text in reasons(report))


def test_connection_close_is_honoured(socket: Path) -> None:
    last = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi"
    with Server(socket, always(last)) as server:
        report = run(plan(server.address, new_connection_every=0))
    assert report.clean
    assert report.connections == 40


def test_chunked_answers_arrive_whole(socket: Path) -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
    with Server(socket, always(chunked)) as server:
        assert run(plan(server.address, check=lambda answer: str(answer.body != b"onetwo" or ""))).clean


def test_latency_counts_from_when_a_request_was_due_so_a_stall_shows_on_all_it_delayed(socket: Path) -> None:
    writers: list[asyncio.StreamWriter] = []

    async def after_twenty(body: bytes, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        if len(writers) >= 20:
            for each in writers[-20:] if len(writers) == 20 else [writer]:
                each.write(OK)

    with Server(socket, after_twenty) as server:
        report = run(plan(server.address, rate_per_second=200, seconds=0.2))
    assert report.clean
    period = 1e9 / 200
    for number, nanoseconds in enumerate(report.nanoseconds[:20]):
        assert nanoseconds >= (19 - number) * period


def test_more_unanswered_than_allowed_is_not_sent_and_counted(socket: Path) -> None:
    async def never(body: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    with Server(socket, never) as server:
        report = run(plan(server.address, in_flight=5, time_out_seconds=0.5))
    assert (report.due, report.ok, report.failed, report.not_sent) == (40, 0, 5, 35)
    assert reasons(report) == {"no answer in time": 5}


def test_large_bodies_go_out_whole(socket: Path) -> None:
    async def count(body: bytes, writer: asyncio.StreamWriter) -> None:
        text = b"%d" % len(body)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(text), text))

    large = Request(path="/x", body=bytes(2_000_000))
    with Server(socket, count) as server:
        asked = plan(server.address, requests=(large,), rate_per_second=20, seconds=0.25)
        assert run(replace(asked, check=lambda answer: "" if answer.body == b"2000000" else "length")).clean


def test_requests_are_due_when_they_were_recorded_and_wait_for_nobody(socket: Path) -> None:
    recorded = (0.0, 0.0, 0.02, 0.021, 0.35)
    with Server(socket, always(OK)) as server:
        report = run(plan(server.address, rate_per_second=None, schedule=Arrivals(recorded), seconds=math.inf))
    assert report.clean
    assert [window.due for window in report.timeline(0.1)] == [4, 0, 0, 1]
    assert report.seconds >= 0.35


def test_a_ramp_sends_more_and_more_and_tells_it_by_the_second(socket: Path) -> None:
    with Server(socket, always(OK)) as server:
        climbing = plan(server.address, rate_per_second=None, schedule=Ramp(0, 100, over_seconds=0.4), seconds=0.6)
        report = run(climbing)
    assert report.clean
    assert [(window.due, window.ok) for window in report.timeline(0.2)] == [(5, 5), (15, 15), (20, 20)]
    assert all(window.latency.p95 >= window.latency.p50 > 0 for window in report.timeline(0.2))


def test_a_load_can_be_stopped_between_arrivals_that_are_far_apart(socket: Path) -> None:
    with Server(socket, always(OK)) as server:
        far = plan(server.address, rate_per_second=None, schedule=Arrivals((0.0, 3600.0)), seconds=math.inf)
        with Background(far) as load:
            pass
    assert load.report.due <= 1


def test_in_the_background_marks_tell_when_something_was_done(socket: Path) -> None:
    with Server(socket, always(OK)) as server:
        with Background(plan(server.address, seconds=60.0)) as load:
            with pytest.raises(RuntimeError, match="not been stopped"):
                load.report  # noqa: B018
            while load.seconds < 0.1:
                time.sleep(0.01)
            load.mark("something happened")
            stands = load.progress()
            ended = load.ended
        report = load.report
    assert report.clean
    assert (ended, load.ended) == (False, True)
    assert 0 < stands.ok <= stands.due <= report.due < 400 * 60
    assert stands.failed == stands.not_sent == 0
    assert stands.latency.count > 0
    assert [mark.text for mark in report.marks] == ["something happened"]
    assert "something happened" in str(report)


def test_a_plan_that_cannot_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one request"):
        plan("unix:x", requests=())
    with pytest.raises(ValueError, match="positive"):
        plan("unix:x", rate_per_second=0)
    with pytest.raises(ValueError, match="20000000"):
        plan("unix:x", seconds=1e9)
    with pytest.raises(ValueError, match="20000000"):
        plan("unix:x", seconds=math.inf)
    with pytest.raises(ValueError, match="either"):
        plan("unix:x", schedule=Steady(5))
    with pytest.raises(ValueError, match="either"):
        plan("unix:x", rate_per_second=None)


def test_percentiles_are_nearest_ranks() -> None:
    latency = Latency.of([n * 1_000_000_000 for n in range(100, 0, -1)] + [-1, -2])
    levels = (latency.p50, latency.p90, latency.p95, latency.p99, latency.worst)
    assert (latency.count, *levels) == (100, 50.0, 90.0, 95.0, 99.0, 100.0)


@given(st.lists(st.integers(-3, 10**12), max_size=60))
def test_percentiles_never_fall_and_each_is_a_measured_value(row: list[int]) -> None:
    latency = Latency.of(row)
    if latency.count:
        levels = [latency.p50, latency.p90, latency.p95, latency.p99, latency.p999, latency.worst]
        assert all(lower <= upper for lower, upper in pairwise(levels))
        assert {round(level * 1e9) for level in levels} <= set(row)


@given(st.integers(1, 300), st.floats(0.01, 5.0))
def test_the_windows_of_a_timeline_hold_every_request_once(due: int, step: float) -> None:
    row = tuple(-2 if n % 7 == 0 else n for n in range(due))
    failed = row.count(-2)
    report = Report(
        schedule=Steady(50), seconds=9, due=due, ok=due - failed, failed=failed, not_sent=0, reasons=(),
        latency=Latency.of(row), connections=1, worst_lag_seconds=0, late=0, marks=(), nanoseconds=row,
    )  # fmt: skip
    windows = report.timeline(step)
    assert sum(window.due for window in windows) == due
    assert sum(window.failed for window in windows) == failed
