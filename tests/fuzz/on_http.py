"""The reading half of a worker's connection: any bytes, cut anywhere.

Held: how a stream is cut, and when its answers come, changes no answer; each good request has exactly one, in its
order, with the body that it brought; what cannot be read is answered once and ends the connection.
"""

from __future__ import annotations

import asyncio
import re
from functools import cache
from typing import Any

import msgspec

from longspan.base.signatures import TensorType
from longspan.serving.admission import Budget, Door
from longspan.serving.endpoint import Endpoint
from longspan.serving.exchange import Exchange
from longspan.serving.protocol import Connection
from longspan.serving.routes import build
from longspan.serving.runner import Waits
from longspan.serving.worker import Worker
from longspan.wire import http1
from longspan.wire.natural import Negotiator
from longspan.wire.orders import Identity, Limits
from tests.fuzz.given import cut, expanded, sound, steered
from tests.fuzz.memory import Memory

SAME = b"/v1/services/same"
ROWS = b"/v2/models/rows/infer"
_ONE = TensorType("BYTES", (1,))
_ROWS = TensorType("FP32", ("batch", 2))
_ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Za-z '-]*\r\n((?:[a-z-]+: [^\r\n\0]*\r\n)*)\r\n(.*)", re.DOTALL)
_LENGTH = re.compile(rb"content-length: (\d+)\r\n")
_GOOD = re.compile(
    rb"(GET|HEAD|POST) (/[a-z0-9/-]{0,60}) HTTP/1\.1\r\nhost: [a-z]{1,9}\r\n(?:content-length: ([0-9]{1,3})\r\n)?\r\n"
)
_BOUNDED = frozenset({408, 413, 414, 431})
_BOUNDS_BYTES = 60 << 10
"""Fewer bytes than that reach no bound, however they are cut."""


class Held:
    """A lane that gives back what it was given, at once or when it is told to, the last one first."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._waiting: list[Exchange] = []
        self.later = False

    def take(self, exchange: Exchange) -> None:
        if self.later:
            self._waiting.append(exchange)
        else:
            self._finish(exchange)

    def release(self) -> None:
        while self._waiting:
            exchange = self._waiting.pop()
            if not exchange.done:
                self._finish(exchange)

    def _finish(self, exchange: Exchange) -> None:
        exchange.outputs = {"result": next(iter(exchange.values.values()))}
        self._endpoint.finish(exchange)

    def drop(self, exchange: Exchange) -> None:
        self._waiting = [other for other in self._waiting if other is not exchange]

    def late(self, before: int) -> list[Exchange]:
        return []

    def shut(self) -> list[Exchange]:
        return []

    def load(self) -> tuple[int, int]:
        return 0, len(self._waiting)

    def waits(self, now: int) -> Waits:
        return Waits(0, 0, 0)


@cache
def _worker() -> tuple[Worker, list[Held]]:
    async def made() -> Worker:
        return Worker(Door(), Budget(1 << 40))

    worker = asyncio.new_event_loop().run_until_complete(made())
    octets = Negotiator({"*/*": "content"}, {"application/octet-stream": "result", "application/json": "result"})
    same = _endpoint("same", {"content": _ONE}, _ONE, octets)
    rows = _endpoint("rows", {"input": _ROWS}, _ROWS, None)
    lanes = [Held(same), Held(rows)]
    same.lane, rows.lane = lanes
    identity = Identity(replica="r", unit="u", generation=1, digest="d", build="b", pid=1, state="ready")
    endpoints = [(same, "longspan_service"), (rows, "onnx_onnxv1")]
    worker.routes = build(endpoints, worker.door, identity, worker.noted, worker.alone)
    return worker, lanes


def _endpoint(name: str, inputs: dict[str, TensorType], output: TensorType, negotiator: Negotiator | None) -> Endpoint:
    return Endpoint(
        name,
        "1",
        inputs=inputs,
        outputs={"result": ("last.result", output)},
        negotiator=negotiator,
        streams=False,
        final=True,
        limits=Limits(body_bytes=128 << 10),
    )


def run(data: bytes) -> None:
    """Raises `AssertionError` when something that is held above does not."""
    steering, raw = steered(data)
    raw = expanded(raw)
    whole = _answers([raw], later=False)
    _each_is_sound(whole, raw)
    _good_ones_are_answered(whole, raw)
    pieces = cut(raw, steering)
    _alike(whole, _answers(pieces, later=False), raw)
    _alike(whole, _answers(pieces, later=True), raw)


class Answers(msgspec.Struct):
    """What came back, and whether the connection goes on."""

    given: list[bytes]
    open: bool


def _answers(pieces: list[bytes], *, later: bool) -> Answers:
    worker, lanes = _worker()

    def release() -> None:
        for lane in lanes:
            lane.release()

    for lane in lanes:
        lane.later = later
    connection = Connection(worker)
    transport = Memory(connection)
    transport.feed(pieces, release)
    release()
    found = Answers([part for part in transport.written if part != http1.CONTINUE], not connection.closing)
    assert not transport.aborted, "aborted: a fault of ours"
    assert not connection.owed, "an answer is owed and will never come"
    transport.lose()
    assert worker.budget.held == 0, "memory for bodies has been taken and not given back"
    return found


def _each_is_sound(answers: Answers, raw: bytes) -> None:
    for index, answer in enumerate(answers.given):
        match = _ANSWER.fullmatch(answer)
        assert match is not None, f"no answer of HTTP/1.1: {answer[:80]!r}"
        status, head, body = int(match[1]), match[2], match[3]
        length = _LENGTH.search(head)
        assert (length is None) == (status == 204), "a content-length, but for an answer that has no body"
        assert length is None or len(body) in (0, int(length[1])), "not as long as it says"
        assert status != 500 or b"JSON" in body or not body, f"a fault of ours: {body[:200]!r}"
        if status >= 400 and body:
            sound(msgspec.json.decode(body)["error"], raw)
        last = index == len(answers.given) - 1
        assert (b"connection: close\r\n" in head) <= last, "the connection went on after it was said to end"
        assert not last or answers.open == (b"connection: close\r\n" not in head), "ended without saying so"


def _good_ones_are_answered(answers: Answers, raw: bytes) -> None:
    """A reading of our own, of requests that are beyond doubt: as many of them as stand at the beginning."""
    at, count = 0, 0
    while (match := _GOOD.match(raw, at)) is not None:
        end = match.end() + int(match[3] or 0)
        if end > len(raw):
            break
        assert count < len(answers.given), f"request {count} has no answer"
        answer: Any = _ANSWER.fullmatch(answers.given[count])
        if (match[1], match[2]) == (b"POST", SAME):
            assert (answer[1], answer[3]) == (b"200", raw[match.end() : end]), f"request {count}: not its own answer"
        elif match[2] == b"/v2":
            assert int(answer[1]) == (405 if match[1] == b"POST" else 200)
        at, count = end, count + 1
    if at == len(raw):
        assert len(answers.given) == count, "more answers than requests"
        assert answers.open, "closed after nothing but good requests"


def _alike(whole: Answers, other: Answers, raw: bytes) -> None:
    """The same answers; but a request that breaks a bound may also do so sooner or later than it is malformed."""
    if whole == other:
        return
    pairs = zip(whole.given, other.given, strict=False)
    least = next(
        (index for index, (one, two) in enumerate(pairs) if one != two), min(len(whole.given), len(other.given))
    )
    ends = [_end(answers, least) for answers in (whole, other)]
    bounded = len(raw) > _BOUNDS_BYTES and any(end in _BOUNDED for end in ends)
    assert bounded or min(ends) >= 400, (
        f"from answer {least} on other answers when cut, or when answered later: {whole.given[least : least + 2]} "
        f"(open: {whole.open}), {other.given[least : least + 2]} (open: {other.open})"
    )


def _end(answers: Answers, at: int) -> int:
    """The status of the answer that ends the connection there; 0 when there is none."""
    last = answers.given[at:]
    return int(last[0][9:12]) if len(last) == 1 and not answers.open else 0
