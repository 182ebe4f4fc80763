"""What a worker refuses, drops or gives up, at limits that a test can reach."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from longspan.wire.orders import Limits
from tests.serving.conftest import Start
from tests.serving.running import JSON, Running, receive, service, step, until

SLOW = step("wait", "wait")


def runs(running: Running) -> list[str]:
    """What the step `wait` has been run with."""
    path = running.folder / "runs"
    return path.read_text().split() if path.exists() else []


def test_a_full_queue_answers_at_once_and_says_when_to_come_back(start: Start) -> None:
    running = start(service("slow", SLOW, limits=Limits(queue=2)))
    with ThreadPoolExecutor(3) as callers:
        first = callers.submit(running.content, "slow", b"1.0")
        until(lambda: runs(running), "the first run")
        waiting = [callers.submit(running.content, "slow", b"0.0") for _ in range(2)]
        until(lambda: running.load("slow").queued == 2, "two that wait")
        refused = running.content("slow", b"0.0")
        assert not first.done(), "it was refused before the first was done"
        assert refused.status == 503
        assert refused.headers["retry-after"] == "1"
        assert "2 requests wait" in refused.json["error"]
        assert {call.result().status for call in (first, *waiting)} == {200}
    until(lambda: running.load("slow").requests == {200: 3, 503: 1}, "the counts in the load page")
    assert running.load("slow").refused == 1


def test_health_is_answered_while_the_thread_is_busy(start: Start) -> None:
    running = start(service("slow", SLOW))
    with ThreadPoolExecutor(1) as callers:
        call = callers.submit(running.content, "slow", b"1.0")
        until(lambda: runs(running), "the run")
        assert running.request("GET", "/v2/health/ready").status == 200
        assert running.request("GET", "/-/replica").status == 200
        assert not call.done()
        assert call.result().status == 200


def test_what_takes_too_long_is_a_504_and_what_waited_behind_it_is_not_run(start: Start) -> None:
    running = start(service("slow", SLOW, limits=Limits(time_seconds=0.5)))
    with ThreadPoolExecutor(2) as callers:
        running_one = callers.submit(running.content, "slow", b"1.5")
        until(lambda: runs(running), "the first run")
        waiting = callers.submit(running.content, "slow", b"0.1")
        for call in (running_one, waiting):
            assert call.result().status == 504
            assert "0.5 s" in call.result().json["error"]
    assert running.content("slow", b"0.0").status in {200, 504}
    until(lambda: running.content("slow", b"0.2").status == 200, "an answer after the slow one")
    assert "0.1" not in runs(running)
    until(lambda: running.load("slow").timeouts >= 2, "the time-outs in the load page")


def test_an_asynchronous_step_that_takes_too_long_is_cancelled(start: Start) -> None:
    running = start(service("later", step("later", "later", call="async"), limits=Limits(time_seconds=0.3, queue=1)))
    assert running.content("later", b"60").status == 504
    assert running.content("later", b"0").status == 200, "its place in the queue is free again"


def test_a_stream_has_the_time_limit_for_each_value_not_for_the_whole(start: Start) -> None:
    counting = step("count", "count", gives={"result": JSON}, call="stream")
    running = start(
        service("count", counting, answers={"application/x-ndjson": "result"}, limits=Limits(time_seconds=0.8))
    )
    assert len(running.content("count", b"8:0.2").body.splitlines()) == 8
    with running.connect() as client:
        client.sendall(b"POST /v1/services/count HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n2:60")
        answer = receive(client)
    assert b'{"number":0' in answer
    assert b"no answer within" in answer
    assert not answer.endswith(b"0\r\n\r\n")


def test_a_client_that_is_gone_is_not_worked_for(start: Start) -> None:
    running = start(service("slow", SLOW))
    with ThreadPoolExecutor(1) as callers:
        first = callers.submit(running.content, "slow", b"1.0")
        until(lambda: runs(running), "the first run")
        with running.connect() as client:
            client.sendall(b"POST /v1/services/slow HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n0.33")
            until(lambda: running.load("slow").queued == 1, "the second, waiting")
        until(lambda: running.load("slow").cancelled == 1, "the second, gone")
        assert running.load("slow").queued == 0
        assert first.result().status == 200
    assert running.content("slow", b"0.0").status == 200
    assert runs(running) == ["1.0", "0.0"]
    until(lambda: running.load("slow").requests == {200: 2, 499: 1}, "the counts")


@pytest.mark.parametrize("branches", [False, True])
def test_a_client_that_leaves_ends_what_has_not_begun(start: Start, branches: bool) -> None:
    steps = [step("one", "wait"), step("two", "wait", sources={"content": "one.result"})]
    if branches:  # a graph, so that it is walked by a task
        steps.insert(1, step("aside", "same"))
    running = start(service("chain", *steps))
    with running.connect() as client:
        client.sendall(b"POST /v1/services/chain HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n0.33")
        until(lambda: runs(running), "the first step")
    until(lambda: running.load("chain").cancelled == 1, "the client to be missed")
    assert running.content("chain", b"0.0").status == 200
    assert runs(running) == ["0.33", "0.0", "0.0"]


@pytest.mark.parametrize("framing", ["content-length: 2000000", "transfer-encoding: chunked"])
def test_a_body_over_the_limit_is_refused_before_it_has_come(start: Start, framing: str) -> None:
    running = start(service("same", step("same", "same"), limits=Limits(body_bytes=1_000_000)))
    with running.connect() as client:
        client.sendall(f"POST /v1/services/same HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n".encode())

        def send() -> None:
            part = b"x" * 10_000
            chunk = b"%x\r\n%b\r\n" % (len(part), part) if "chunked" in framing else part
            try:
                for _ in range(150):
                    client.sendall(chunk)
            except OSError:
                return  # it has heard enough

        sender = threading.Thread(target=send)
        sender.start()
        answer = receive(client)
        sender.join()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer
    assert b"1000000 bytes" in answer
    assert running.content("same", b"x" * 1_000_000).status == 200


def test_bodies_that_are_held_are_bounded_for_all_clients_together(start: Start) -> None:
    largest = 100 << 20
    running = start(service("same", step("same", "same"), limits=Limits(body_bytes=largest)))
    head = f"POST /v1/services/same HTTP/1.1\r\nhost: x\r\ncontent-length: {largest}\r\n\r\n".encode()
    clients = [running.connect() for _ in range(4)]
    for client in clients:
        client.sendall(head)
    until(lambda: running.request("GET", "/v2").status == 200, "the four to be seen")
    with running.connect() as fifth:
        fifth.sendall(head)
        assert receive(fifth).startswith(b"HTTP/1.1 503 ")
    for client in clients:
        client.close()
    until(lambda: running.content("same", b"x" * (1 << 20)).status == 200, "the memory to be free again")


def test_the_largest_of_times_is_counted_in_the_load_page(start: Start) -> None:
    running = start(service("slow", SLOW))
    assert running.content("slow", b"0.3").status == 200
    until(lambda: running.load("slow").duration_count == 1, "the duration")
    assert running.load("slow").duration_sum_seconds >= 0.3
