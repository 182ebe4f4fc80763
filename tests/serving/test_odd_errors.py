"""Whatever a step raises, its request is answered, and so are the others: nobody waits for an answer in vain."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from longspan.serving.logs import LONGEST
from longspan.wire.orders import Work
from tests.serving.chains.odd import ERRORS
from tests.serving.running import JSON, ROWS, Running, service, step

NDJSON = "application/x-ndjson"


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    behind = {"content": "first.result"}
    rows = step("rows", "odd:interrupt_rows", {"rows": ROWS}, {"result": ROWS}, call="async", pad={"width": 4})
    services = (
        service("padded", rows, accepts={}, answers={}),
        service("sync", step("fail", "odd:fail")),
        service("async", step("first", "same"), step("later", "odd:later", sources=behind, call="async")),
        service(
            "stream", step("stream", "odd:stream", gives={"result": JSON}, call="stream"), answers={NDJSON: "result"}
        ),
    )
    running = Running(tmp_path_factory.mktemp("odd"), Work(unit="unit", code="code", services=services)).start()
    yield running
    running.stop()


@pytest.mark.parametrize("name", ["sync", "async"])
@pytest.mark.parametrize("key", list(ERRORS))
def test_whatever_a_step_raises_is_answered_with_an_error(odd: Running, name: str, key: bytes) -> None:
    answer = odd.content(name, key)
    assert answer.status == (422 if key == b"half a letter, meant" else 500)
    assert isinstance(answer.json["error"], str)
    if answer.status == 500:
        assert "step 'fail'" in answer.json["error"] or "step 'later'" in answer.json["error"]


@pytest.mark.parametrize("key", list(ERRORS))
def test_whatever_a_stream_raises_ends_it_with_an_error(odd: Running, key: bytes) -> None:
    with odd.connect() as client:
        client.sendall(
            b"POST /v1/services/stream HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(key), key)
        )
        received = b""
        while part := client.recv(1 << 16):
            received += part
    assert b'{"error":' in received, "and the connection was closed"


def test_an_error_that_cannot_be_told_keeps_no_other_request_waiting(odd: Running) -> None:
    keys = [b"half a letter", b"no text", b"a text as status", b"mute"] * 6
    with ThreadPoolExecutor(12) as callers:
        answers = list(callers.map(lambda key: odd.content("sync", key), keys))
    assert [answer.status for answer in answers] == [500] * len(keys)


def test_an_interrupt_in_a_part_of_a_request_does_not_end_the_worker(odd: Running) -> None:
    row = [{"name": "rows", "datatype": "FP32", "shape": [2, 4], "data": [0.0] * 8}]
    for _ in range(2):
        answer = odd.infer("padded", row)
        assert (answer.status, answer.json["error"]) == (500, "step 'rows' failed: KeyboardInterrupt")


def test_the_log_says_what_is_wrong_with_an_error_that_cannot_be_told(odd: Running) -> None:
    odd.content("sync", b"a good status", x_request_id="odd-1")
    (record,) = [record for record in odd.records() if record.get("request") == "odd-1"]
    assert "a RequestError of status 200, which must be 400 to 599: 'no'" in record["message"]


def test_an_error_that_quotes_a_large_body_fills_neither_the_log_nor_the_answer(odd: Running) -> None:
    answer = odd.content("sync", b"x" * (1 << 20), x_request_id="odd-2")
    assert answer.status == 500
    assert len(answer.body) < 1000
    (record,) = [record for record in odd.records() if record.get("request") == "odd-2"]
    assert len(record["message"]) < LONGEST + 100
    assert record["message"].startswith("Traceback")
