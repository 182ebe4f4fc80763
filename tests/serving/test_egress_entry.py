"""A worker whose second step runs in another one: what its clients see."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from longspan.wire import load
from longspan.wire.orders import Limits, ServiceWork, Work
from tests.serving.calling import VERSION, apart, unit
from tests.serving.running import WITHIN, Running, service, step, until

FIRST = step("first", "same")
BEHIND = {"content": "first.result"}


def graph(
    name: str, run: str, *, entry: Limits = Limits(), callee: Limits = Limits(), call: str = "sync"
) -> tuple[ServiceWork, ...]:
    """(the entry's service, the unit's): bytes through `first`, then through the step `run` in a unit of its own."""
    last = step(name, run, call=call)
    there = msgspec.structs.replace(apart(last), inputs=BEHIND)
    ours = service("graph", FIRST, there, outputs={"result": f"{name}.result"}, limits=entry)
    return msgspec.structs.replace(ours, name=f"to-{name}"), unit(last, callee)


class Pair:
    """An entry worker and the worker that it calls."""

    def __init__(self, folder: Path, *graphs: tuple[ServiceWork, ...]) -> None:
        units = Work(unit="apart", code="code", services=tuple(unit for _, unit in graphs))
        self.callee = Running(folder, units)
        work = Work(unit="entry", code="code", services=tuple(entry for entry, _ in graphs), calls=("apart",))
        self.entry = Running(folder, work, slot=1, egress=self.callee.orders.socket)

    def __enter__(self) -> Pair:
        self.callee.start()
        self.entry.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.entry.stop()
        self.callee.stop()

    def runs(self) -> list[str]:
        """What the step `wait` has been run with."""
        path = self.callee.folder / "runs"
        return path.read_text().split() if path.exists() else []


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    graphs = (
        graph("wait", "wait"),
        graph("fail", "fail"),
        graph("later", "later", call="async"),
        graph("small", "wait", callee=Limits(queue=1)),
        graph("narrow", "wait", entry=Limits(queue=2)),
    )
    with Pair(tmp_path_factory.mktemp("pair"), *graphs) as pair:
        yield pair


def test_a_step_apart_is_part_of_its_service(pair: Pair) -> None:
    answer = pair.entry.content("to-wait", b"0.0")
    assert (answer.status, answer.body) == (200, b"0.0")
    until(lambda: pair.entry.steps("to-wait")["wait"].count >= 1, "the step's count at its caller's")
    until(lambda: pair.callee.steps("graph.wait")["wait"].count >= 1, "the step's count where it runs")


def test_its_refusals_and_failures_read_as_if_it_ran_here(pair: Pair) -> None:
    answer = pair.entry.content("to-fail", b"teapot")
    assert (answer.status, answer.json) == (422, {"error": "no tea"})
    answer = pair.entry.content("to-fail", b"ouch", x_request_id="one-id-everywhere")
    assert (answer.status, answer.json) == (500, {"error": "step 'fail' failed: KeyError: 'ouch'"})
    for running in (pair.entry, pair.callee):
        records = [record for record in running.records() if record.get("request") == "one-id-everywhere"]
        assert [record["step"] for record in records if record["level"] == "error"] == ["fail"]


def test_a_client_that_goes_is_gone_for_the_unit_too(pair: Pair) -> None:
    before = pair.callee.load("graph.later").cancelled
    client = pair.entry.connect()
    client.sendall(b"POST /v1/services/to-later HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n30")
    until(lambda: pair.entry.steps("to-later")["later"].waiting == 1, "the call")
    client.close()
    until(lambda: pair.callee.load("graph.later").cancelled == before + 1, "the unit to hear of it")
    until(lambda: pair.entry.steps("to-later")["later"].waiting == 0, "nothing that waits")


def test_the_clients_time_is_passed_on(pair: Pair) -> None:
    answer = pair.entry.content("to-later", b"30", longspan_timeout_ms="150")
    assert answer.status == 504
    until(lambda: pair.entry.load("to-later").timeouts == 1, "the count")


def test_memory_stands_in_the_load_page(pair: Pair) -> None:
    def told() -> int:
        page = load.read(str(pair.entry.folder / pair.entry.orders.load))
        return 0 if page is None else page.memory_bytes

    resident = until(told, "memory")
    assert 10 << 20 < resident < 1 << 30
    with open(f"/proc/{pair.entry.process.pid}/status") as status:
        seen = next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS"))
    assert abs(resident - seen) < 64 << 20


def test_a_unit_that_is_full_is_told_at_the_door(pair: Pair) -> None:
    with ThreadPoolExecutor(3) as callers:
        first = callers.submit(pair.entry.content, "to-small", b"1.23")
        until(lambda: "1.23" in pair.runs(), "the first run")
        # One of them waits behind the first, and then the unit's queue is full.
        others = [callers.submit(pair.entry.content, "to-small", b"0.0") for _ in range(2)]
        third = until(lambda: next((call for call in others if call.done()), None), "the refusal").result()
        assert (third.status, third.headers["retry-after"]) == (503, "1")
        assert third.json["error"] == "step 'small' takes no more just now"
        fourth = pair.entry.content("to-small", b"0.0")
        assert (fourth.status, fourth.headers["retry-after"]) == (503, "1")
        assert fourth.json["error"] == "'to-small' is busy: its step 'small' takes no more just now"
        assert not first.done(), "nobody waited for that"
        assert sorted(call.result().status for call in (first, *others)) == [200, 200, 503]
    assert pair.entry.content("to-small", b"0.0").status == 200, "an answer has opened the way again"
    until(lambda: pair.entry.load("to-small").refused == 2, "the count")
    until(lambda: pair.callee.load("graph.small").requests == {200: 3, 503: 1}, "that the fourth was not even sent")


def test_what_is_under_way_is_bounded_at_the_door(pair: Pair) -> None:
    with ThreadPoolExecutor(3) as callers:
        first = callers.submit(pair.entry.content, "to-narrow", b"0.84")
        until(lambda: "0.84" in pair.runs(), "the first run")
        others = [callers.submit(pair.entry.content, "to-narrow", b"0.0") for _ in range(2)]
        refused = until(lambda: next((call for call in others if call.done()), None), "the refusal").result()
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert "'to-narrow' is busy" in refused.json["error"]
        assert not first.done(), "nobody waited for that"
        assert sorted(call.result().status for call in (first, *others)) == [200, 200, 503]


def test_a_unit_that_is_down_is_a_503_at_once_and_one_that_is_back_is_found(tmp_path: Path) -> None:
    with Pair(tmp_path, graph("wait", "wait")) as pair:
        assert pair.entry.content("to-wait", b"0.0").status == 200
        pair.callee.stop()
        answer = pair.entry.content("to-wait", b"0.0")
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert answer.json["error"].startswith("step 'wait' c")
        os.unlink(pair.callee.socket)
        pair.callee.start()
        assert pair.entry.content("to-wait", b"0.0").status == 200


def test_an_entry_that_leaves_waits_for_its_calls(tmp_path: Path) -> None:
    with Pair(tmp_path, graph("wait", "wait")) as pair, ThreadPoolExecutor(1) as callers:
        call = callers.submit(pair.entry.content, "to-wait", b"0.4")
        until(pair.runs, "the run")
        pair.entry.process.terminate()
        assert call.result().status == 200
        assert pair.entry.process.wait(WITHIN) == 0


def test_a_call_goes_under_the_ids_of_its_request_and_says_how_much_time_is_left(tmp_path: Path) -> None:
    pair = Pair(tmp_path, graph("wait", "wait", entry=Limits(time_seconds=9.0)))
    pair.callee.socket.parent.mkdir(parents=True)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with socket.create_server(str(pair.callee.socket), family=socket.AF_UNIX) as unit, ThreadPoolExecutor(1) as callers:
        unit.settimeout(WITHIN)
        try:
            pair.entry.start()
            call = callers.submit(pair.entry.content, "to-wait", b"0", x_request_id="r-1", traceparent=trace)
            connection, _ = unit.accept()
            with connection:
                connection.settimeout(WITHIN)
                head, _, _ = connection.recv(1 << 16).partition(b"\r\n\r\n")
            assert call.result().status == 503
        finally:
            pair.entry.stop()
    first, *lines = head.decode().split("\r\n")
    fields = dict(line.split(": ") for line in lines)
    assert first == f"POST /v2/models/graph.wait/versions/{VERSION}/infer HTTP/1.1"
    assert (fields["x-request-id"], fields["traceparent"]) == ("r-1", trace)
    assert 0 < int(fields["longspan-timeout-ms"]) <= 9000
