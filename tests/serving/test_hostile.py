"""Every hostile request of the table, to a real worker's socket: an answer in form, and a worker that serves on."""

from __future__ import annotations

import gzip
import os
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import tiny
from longspan.wire.orders import Limits, Work
from tests.hostile.bodies import BODIES, sent
from tests.hostile.case import BODY, GOOD, INFER, answered, ask, judge, parse, to_the_end
from tests.hostile.frames import BOMB, CODINGS, FRAMES, HEADS
from tests.serving.conftest import TINY_IN, TINY_OUT
from tests.serving.running import Running, model, receive, service, step, until

CASES = BODIES | FRAMES | HEADS | CODINGS
MB = 1 << 20


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_in_form_and_the_connection_is_in_step_or_closed(shared: Running, name: str) -> None:
    with shared.connect() as client:
        answered(client, CASES[name], at_gateway=False)


def test_a_request_cut_at_any_byte_is_refused_in_form(shared: Running) -> None:
    with shared.connect() as client:
        for end in range(len(BODY)):
            got = ask(client, sent(BODY[:end]))
            assert got.status == 400
            judge(got, "no JSON")


def test_a_key_that_stands_twice_counts_as_it_stands_last(shared: Running) -> None:
    """As in nearly every reader of JSON; both ways of the codec agree on it."""
    wrong = b'"shape":[1,15],"shape":[1,16]'
    for body in (BODY.replace(b'"shape":[1,16]', wrong), BODY.replace(b'"shape":[1,16]', wrong + b',"parameters":{}')):
        assert body != BODY
        with shared.connect() as client:
            assert ask(client, sent(body)).status == 200
            got = ask(client, sent(body.replace(wrong, b'"shape":[1,16],"shape":[1,15]')))
            assert got.status == 400
            judge(got, "dimension 2 is 15")


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A worker of this module's own, whose counts and memory nobody else moves."""
    folder = tmp_path_factory.mktemp("hostile")
    path = tiny.write(folder / "tiny.onnx")
    work = Work(
        unit="unit",
        code="code",
        models=(model("tiny", path, TINY_IN, TINY_OUT),),
        services=(service("wait", step("wait", "wait")), service("same", step("same", "same"))),
        limits=Limits(),
    )
    running = Running(folder, work, {"tiny": path}).start()
    yield running
    running.stop()


def memory(worker: Running) -> int:
    """Bytes that the worker holds."""
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) << 10


def test_all_of_them_at_once_are_counted_and_leave_nothing_behind(worker: Running) -> None:
    def send(name: str) -> None:
        with worker.connect() as client:
            answered(client, CASES[name], at_gateway=False)

    with ThreadPoolExecutor(8) as senders:
        list(senders.map(send, CASES))
        before, held = memory(worker), len(list(Path(f"/proc/{worker.process.pid}/fd").iterdir()))
        list(senders.map(send, CASES))
    assert memory(worker) - before < 32 * MB
    until(lambda: len(list(Path(f"/proc/{worker.process.pid}/fd").iterdir())) <= held, "the connections to close")
    refused = sum(case.status == 400 and case.raw.startswith(INFER) for case in CASES.values())
    counted = {status: 2 * sum(case.status == status for case in CASES.values()) for status in (413, 415)}
    until(lambda: counted.items() <= worker.load("tiny").requests.items(), f"{counted} in the page")
    assert 2 * len(BODIES) <= worker.load("tiny").requests[400] <= 2 * refused


def test_bombs_wait_for_their_turn_and_nobody_for_them(worker: Running) -> None:
    """Each is stopped at the limit; no more are begun at once than there is memory for."""
    before = memory(worker)
    bombs = [worker.connect() for _ in range(12)]
    for bomb in bombs:
        bomb.sendall(sent(BOMB, b"content-encoding: gzip"))
    with worker.connect() as client:
        assert ask(client, GOOD).status == 200
    statuses = []
    for bomb in bombs:
        with bomb:
            got = ask(bomb, b"")
            judge(got)
            statuses.append(got.status)
    assert set(statuses) <= {413, 503}
    assert statuses.count(413) >= 4
    assert memory(worker) - before < 200 * MB
    whole = gzip.compress(bytes(10 * MB))
    answer = worker.request("POST", "/v1/services/same", whole, Content_Encoding="gzip")
    assert answer.body == bytes(10 * MB)


def test_bombs_of_clients_who_have_gone_are_not_read(worker: Running) -> None:
    def spent() -> float:
        """CPU seconds of the worker, once all that is inflated before this is done."""
        whole = gzip.compress(bytes(MB))
        until(lambda: worker.content("same", whole, Content_Encoding="gzip").status == 200, "room for it")
        fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before = spent()
    with worker.connect() as stays:
        assert ask(stays, sent(BOMB, b"content-encoding: gzip")).status == 413
    one = spent() - before
    for _ in range(40):
        with worker.connect() as goes:
            goes.sendall(sent(BOMB, b"content-encoding: gzip"))
    assert spent() - before - one < 20 * one


@given(st.binary(max_size=400), st.sampled_from(["gzip", "deflate"]), st.integers(0, 400))
def test_no_compressed_bytes_do_harm(worker: Running, noise: bytes, coding: str, at: int) -> None:
    whole = gzip.compress(BODY)
    for body in (noise, whole[:at] + noise[:4] + whole[at + 4 :]):
        answer = worker.request("POST", "/v2/models/tiny/infer", body, Content_Encoding=coding)
        assert answer.status in {200, 400}


@pytest.mark.parametrize("framing", ["content-length: 104857600", "transfer-encoding: chunked"])
def test_a_hundred_megabytes_are_refused_long_before_they_have_come(worker: Running, framing: str) -> None:
    before = memory(worker)
    part = b"x" * MB if "length" in framing else b"100000\r\n" + b"x" * MB + b"\r\n"
    with worker.connect() as client:
        got = ask(client, INFER + framing.encode() + b"\r\n\r\n" + part * 100)
        assert got.status == 413
        judge(got, "larger than 16777216 bytes")
        to_the_end(client)
    assert memory(worker) - before < 64 * MB


def test_who_closes_his_side_is_taken_for_gone_as_the_gateway_does(worker: Running) -> None:
    """Envoy closes such a connection, so an answer would reach nobody."""
    gone = worker.load("wait").cancelled
    with worker.connect() as client:
        client.sendall(b"POST /v1/services/wait HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n0.3")
        client.shutdown(socket.SHUT_WR)
        assert receive(client) == b""
    until(lambda: worker.load("wait").cancelled == gone + 1, "it to be missed")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_connection_reset_in_the_middle_of_a_request_is_forgotten(worker: Running, share: float) -> None:
    raw = sent(BODY.ljust(MB))
    for _ in range(20):
        with worker.connect() as client:
            client.sendall(raw[: int(share * len(raw))])
    until(lambda: worker.request("GET", "/v2/health/live").status == 200, "an answer")


def test_a_connection_closed_in_the_middle_of_an_answer_is_forgotten(worker: Running) -> None:
    body = b"x" * (8 * MB)
    head = b"POST /v1/services/same HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    for _ in range(4):
        with worker.connect() as client:
            client.sendall(head + body)
            assert client.recv(1000)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with worker.connect() as client:
        assert ask(client, GOOD).status == 200


def test_garbage_behind_a_good_request_leaves_its_answer_whole(worker: Running) -> None:
    with worker.connect() as client:
        got = ask(client, GOOD + b"\0\1\2\3garbage\r\n\r\n")
        assert got.status == 200
        after = parse(got.rest + to_the_end(client))
        assert after is not None
        assert (after.status, after.headers["connection"]) == (501, "close")
        judge(after)
