"""The bytes of HTTP/1.1: a real connection object on a real loop and a real socket pair, in this process."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import tiny
from longspan.serving import assemble, routes
from longspan.serving.admission import Budget, Door
from longspan.serving.answers import MOST_PIPELINED
from longspan.serving.pages import Pages
from longspan.serving.protocol import Connection
from longspan.serving.runtimes import Runnable, onnx
from longspan.serving.warmup import measure
from longspan.serving.worker import Worker
from longspan.wire.orders import Identity, Limits, Work
from tests.serving.conftest import TINY_IN, TINY_OUT
from tests.serving.running import model

BODY = tiny.infer_body()
INFER = b"POST /v2/models/tiny/infer HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
CLOSE = b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
LIMIT = 10_000
WITHIN = 20.0


class Wire:
    """A worker with the tiny model, and clients that send bytes to it in parts."""

    def __init__(self, folder: Path) -> None:
        self.loop = uvloop.new_event_loop()
        path = tiny.write(folder / "tiny.onnx")
        work = Work(unit="unit", models=(model("tiny", path, TINY_IN, TINY_OUT),), limits=Limits(body_bytes=LIMIT))
        loaded = onnx.load(work.models[0], str(path), str(folder))
        self.worker = self.loop.run_until_complete(self._make(work, loaded, str(folder / "load")))

    async def _make(self, work: Work, loaded: Runnable, page: str) -> Worker:
        worker = Worker(Door(), Budget(1 << 20))
        parts = assemble.Loaded({"tiny": loaded}, {"tiny": measure(loaded, lambda: 0)}, {})
        made = assemble.endpoints(work, parts, worker.workshop)
        worker.endpoints = [endpoint for endpoint, _ in made]
        worker.pages = Pages(page, worker.endpoints, 0)
        who = Identity(replica="r", unit="unit", generation=1, digest="d", build="b", pid=1, state="ready")
        worker.routes = routes.build(made, worker.door, who, worker.noted, worker.alone)
        return worker

    def send(self, *parts: bytes, close: bool = False) -> bytes:
        """Everything that the worker answers until it closes, or the client does after the last part."""
        return self.loop.run_until_complete(asyncio.wait_for(self._send(parts, close), WITHIN))

    async def _send(self, parts: tuple[bytes, ...], close: bool) -> bytes:
        ours, theirs = socket.socketpair()
        with ours:
            ours.setblocking(False)
            theirs.setblocking(False)
            await self.loop.connect_accepted_socket(lambda: Connection(self.worker), theirs)
            reading = self.loop.create_task(self._read(ours))
            for part in parts:
                try:
                    await self.loop.sock_sendall(ours, part)
                except OSError:
                    break  # it has closed already
                await asyncio.sleep(0)
            if close:
                ours.shutdown(socket.SHUT_WR)
            return await reading

    async def _read(self, ours: socket.socket) -> bytes:
        got = b""
        while True:
            try:
                part = await self.loop.sock_recv(ours, 1 << 16)
            except ConnectionError:
                return got
            if not part:
                return got
            got += part


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    made = Wire(tmp_path_factory.mktemp("wire"))
    yield made
    made.loop.close()


def statuses(answers: bytes) -> list[int]:
    """Of the answers in a stream, by their framing."""
    found = []
    while answers:
        head, _, rest = answers.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        found.append(int(lines[0].split()[1]))
        answers = rest[int(fields.get("content-length", 0)) :]
    return found


def rounded(answers: bytes) -> bytes:
    """Scores to four digits, lengths left out: a batch of the loop may differ from single runs in the last digit."""
    answers = re.sub(rb"content-length: [0-9]+", b"content-length: n", answers)
    return re.sub(rb"0\.[0-9]+", lambda number: b"%.4f" % float(number[0]), answers)


def chunked(body: bytes, *sizes: int) -> bytes:
    out, at = b"", 0
    for size in (*sizes, len(body)):
        part = body[at : at + size]
        at += len(part)
        out += b"%x;note=1\r\n%b\r\n" % (len(part), part) if part else b""
    return out + b"0\r\nx-trailer: 1\r\n\r\n"


CHUNKED = b"POST /v2/models/tiny/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(
    BODY, 1, 30, 7
)
MANY = (
    INFER
    + b"GET /v2 HTTP/1.1\r\nhost: x\r\nX-Request-ID: 1\r\nAccept: a/b\r\naccept: c/d\r\n\r\n"
    + CHUNKED
    + b"\r\nPOST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello"
    + INFER.replace(b'"FP32"', b'"FP33"')
    + b"HEAD /v2/models/tiny HTTP/1.1\r\nhost: x\r\n\r\n".replace(b"HEAD", b"GET")
    + b"DELETE /v2 HTTP/1.1\r\nhost: x\r\n\r\n"
    + b"POST /v2/models/tiny/infer HTTP/1.1\r\nhost: x\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\nx"
    + INFER
    + CLOSE
)


@given(st.lists(st.integers(1, len(MANY) - 1), max_size=40).map(sorted))
def test_however_the_bytes_are_split_the_answers_are_the_same(wire: Wire, cuts: list[int]) -> None:
    whole = wire.send(MANY)
    assert statuses(whole) == [200, 200, 200, 404, 400, 200, 405, 415, 200, 200]
    parts = [MANY[first:last] for first, last in zip([0, *cuts], [*cuts, len(MANY)], strict=True)]
    assert rounded(wire.send(*parts)) == rounded(whole)


def test_byte_by_byte_is_the_same_too(wire: Wire) -> None:
    request = CHUNKED + CLOSE
    assert rounded(wire.send(*(request[at : at + 1] for at in range(len(request))))) == rounded(wire.send(request))


@given(st.binary(max_size=300))
def test_no_bytes_do_harm(wire: Wire, noise: bytes) -> None:
    answers = wire.send(noise, close=True)
    assert answers == b"" or answers.startswith(b"HTTP/1.1 ")
    assert statuses(wire.send(INFER + CLOSE)) == [200, 200]


@given(st.integers(0, len(MANY) - 1), st.binary(min_size=1, max_size=4))
def test_a_damaged_stream_gets_whole_answers_until_it_is_closed(wire: Wire, at: int, noise: bytes) -> None:
    answers = wire.send(MANY[:at] + noise + MANY[at + len(noise) :], close=True)
    assert all(200 <= status < 600 for status in statuses(answers))
    assert not [endpoint for endpoint in wire.worker.endpoints if endpoint.lane.load()[1]]


def test_answers_come_in_the_order_of_the_requests(wire: Wire) -> None:
    """Inference runs at the end of the turn, metadata is known at once: it waits all the same."""
    rows = [tuple(0.1 * n for _ in range(16)) for n in range(5)]
    stream = b""
    for row in rows:
        body = tiny.infer_body(row)
        stream += b"POST /v2/models/tiny/infer HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        stream += b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n"
    answers = wire.send(stream + CLOSE)
    found = [json.loads(part.partition(b"HTTP/1.1")[0]) for part in answers.split(b"\r\n\r\n")[1:]]
    assert len(found) == 11
    for number, row in enumerate(rows):
        assert found[2 * number]["outputs"][0]["data"] == pytest.approx(tiny.expected(row), abs=1e-5)
        assert found[2 * number + 1] == {"live": True}


def test_a_pipeline_longer_than_the_bound_is_read_on_when_it_has_been_answered(wire: Wire) -> None:
    count = 3 * MOST_PIPELINED
    assert statuses(wire.send(INFER * count + CLOSE)) == [200] * (count + 1)


def test_a_client_that_expects_it_is_told_to_continue(wire: Wire) -> None:
    head = INFER.replace(b"host: x", b"expect: 100-continue\r\nhost: x").removesuffix(BODY)
    answers = wire.send(head, BODY, CLOSE)
    assert answers.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    behind = wire.send(INFER + head, BODY, CLOSE)
    assert statuses(behind.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")) == [200, 200, 200]
    assert behind.index(b"200 OK") < behind.index(b"100 Continue")


REFUSED = {
    "both framings": (400, b"POST /v2 HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n"),
    "two lengths": (400, b"POST /v2 HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n"),
    "a negative length": (400, b"POST /v2 HTTP/1.1\r\nhost: x\r\ncontent-length: -3\r\n\r\n"),
    "an odd coding": (501, b"POST /v2 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n"),
    "chunks in HTTP/1.0": (400, b"POST /v2 HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n"),
    "another expectation": (417, b"POST /v2 HTTP/1.1\r\nhost: x\r\nexpect: tea\r\ncontent-length: 1\r\n\r\n"),
    "an upgrade": (501, b"GET /v2 HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"),
    "an unknown method": (501, b"BREW /v2 HTTP/1.1\r\nhost: x\r\n\r\n"),
    "no HTTP": (501, b"hello there\r\n\r\n"),
    "a broken chunk": (400, CHUNKED.replace(b"1;note", b"zz;note")),
    "a long path": (414, b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n"),
    "large headers": (
        431,
        b"GET /v2 HTTP/1.1\r\n" + b"".join(b"x-%d: %b\r\n" % (n, b"v" * 1_000) for n in range(70)) + b"\r\n",
    ),
    "many headers": (431, b"GET /v2 HTTP/1.1\r\n" + b"".join(b"a%d: b\r\n" % n for n in range(129)) + b"\r\n"),
    "one endless header": (431, b"GET /v2 HTTP/1.1\r\nx-a: " + b"v" * 400_000),
    "a large body": (413, b"POST /v2/models/tiny/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 10001\r\n\r\n"),
    "a large body in chunks": (
        413,
        b"POST /v2/models/tiny/infer HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        + chunked(b"x" * 10_001),
    ),
    "a large body for nobody": (404, b"POST /v3 HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_breaks_the_framing_is_answered_once_and_closed(wire: Wire, name: str) -> None:
    status, request = REFUSED[name]
    for parts in ([request, INFER], [request[at : at + 900] for at in range(0, len(request), 900)]):
        answers = wire.send(*parts)
        assert statuses(answers) == [status], answers
        assert b"connection: close" in answers
        assert json.loads(answers.partition(b"\r\n\r\n")[2])["error"]


def test_a_refusal_waits_for_the_answers_before_it(wire: Wire) -> None:
    _, broken = REFUSED["both framings"]
    assert statuses(wire.send(INFER + INFER + broken + INFER)) == [200, 200, 400]


def test_an_older_client_is_answered_and_closed(wire: Wire) -> None:
    for fields in (b"", b"connection: keep-alive\r\n"):
        answers = wire.send(INFER.replace(b"HTTP/1.1\r\nhost: x\r\n", b"HTTP/1.0\r\n" + fields))
        assert statuses(answers) == [200]
        assert b"connection: close" in answers


def test_a_body_in_a_thousand_parts_costs_no_more_than_its_size(wire: Wire) -> None:
    body = BODY.ljust(LIMIT)
    head = b"POST /v2/models/tiny/infer HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    assert statuses(wire.send(head + chunked(body, *[1] * (len(body) - 1)) + CLOSE)) == [200, 200]


def test_trailers_are_passed_over_but_not_without_bound(wire: Wire) -> None:
    assert statuses(wire.send(CHUNKED + INFER + CLOSE)) == [200, 200, 200]
    endless = CHUNKED.removesuffix(b"\r\n") + b"x-more: %b\r\n" % (b"v" * 1_000) * 400
    assert statuses(wire.send(*(endless[at : at + 900] for at in range(0, len(endless), 900)))) == [431]


def test_names_of_headers_may_be_written_in_any_case(wire: Wire) -> None:
    for name in (b"content-length", b"Content-Length", b"CONTENT-LENGTH", b"cOnTeNt-lEnGtH"):
        request = INFER.replace(b"content-length", name)
        assert statuses(wire.send(request + CLOSE)) == [200, 200]
        late = b"POST /v2/models/tiny/infer HTTP/1.1\r\nHost: x\r\n%b: 10001\r\n\r\n" % name
        assert statuses(wire.send(late)) == [413]


def test_what_was_held_is_free_when_all_have_gone(wire: Wire) -> None:
    wire.send(b"POST /v2/models/tiny/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 9999\r\n\r\nx", close=True)
    assert wire.worker.budget.held == 0
    assert not wire.worker.busy()
