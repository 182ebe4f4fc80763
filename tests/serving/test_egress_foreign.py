"""A step runs in a server of somebody else's: what it is sent, and what of its answers reaches a client."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic_ns
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.errors import RequestError
from longspan.serving.admission import LONGEST_PAUSE
from longspan.serving.egress import Caller, Remote
from longspan.serving.egress.remote import MOST_JSON_BYTES
from longspan.serving.egress.verdict import of_server, presentable
from tests.serving.calling import apart, calls, content, refusal
from tests.serving.running import ROWS, WITHIN, step
from tests.serving.test_egress_odd import SAME, Ask, answering, http, outputs, refused, served

DOUBLE, ROW = step("double", "double", {"rows": ROWS}, {"result": ROWS}), {"rows": np.ones((1, 4), "f4")}
FOREIGN: dict[str, Any] = {"foreign": True, "binary": False, "repeatable": False}


async def once(ask: Ask, caller: object) -> dict[str, Any]:
    return await ask()


def test_it_is_called_with_json_and_may_be_without_the_extension(tmp_path: Path) -> None:
    requests = []

    async def serve(number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        requests.append(request)
        writer.write(http(200, outputs()))

    result = served(tmp_path, serve, once, **FOREIGN)
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert result["result"].tolist() == [b"x"]
    assert b"content-type: application/json\r\n" in head
    assert b"inference-header" not in head
    assert b"content-length: %d\r\n" % len(body) in head
    assert json.loads(body) == {
        "inputs": [{"name": "content", "datatype": "BYTES", "shape": [1], "data": ["x"]}],
        "outputs": [{"name": "result"}],
    }


def test_it_is_called_with_bytes_where_it_takes_them(tmp_path: Path) -> None:
    requests = []

    async def serve(number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        requests.append(request)
        writer.write(http(200, outputs()))

    assert served(tmp_path, serve, once, **FOREIGN | {"binary": True})["result"].tolist() == [b"x"]
    assert b"content-type: application/octet-stream\r\n" in requests[0]
    assert b"inference-header-content-length: " in requests[0]


DEEP = b'{"outputs":[{"name":"result","datatype":"BYTES","shape":[1],"data":' + b"[" * 100_000
HUGE = outputs(data=["x" * (MOST_JSON_BYTES + 1)])


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (http(200, outputs("other")), "no output is called 'other'"),
        (http(200, outputs(shape=[2], data=["a", "b"])), "dimension 1 is 2, must be 1"),
        (http(200, outputs(shape=[1], data=["a", "b"])), "data holds 2"),
        (http(200, outputs(data=[1])), "elements that are strings"),
        (http(200, outputs().replace(b"BYTES", b"FP32")), "came datatype 'FP32'"),
        (http(200, outputs(shape=[1 << 70])), "dimension 1 is"),
        (http(200, b'{"outputs": []}'), "output 'result' (BYTES[1]) is missing"),
        (http(200, DEEP), "the answer is no JSON"),
        (http(200, HUGE), "the answer is more than 16 MiB of JSON"),
        (http(200, b"<html>it works</html>"), "the answer is no JSON"),
        (http(200, b'{"outputs": NaN}'), "the answer is no JSON"),
        (http(204, b""), "its server answered 204"),
        (http(302, b"", b"location: /elsewhere"), "its server answered 302"),
    ],
)
def test_an_answer_that_is_not_what_the_file_declares_is_a_500_that_names_the_step(
    answer: bytes, problem: str, tmp_path: Path
) -> None:
    error = served(tmp_path, answering(answer), refused, **FOREIGN)
    assert (error.status, error.retry_after_seconds) == (500, None)
    assert error.problem.startswith("step 'same' failed: ")
    assert problem in error.problem
    assert len(error.problem) < 600


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"[0.5, NaN, 1, 1]", "the answer is no JSON"),
        (b"[0.5, null, 1, 1]", "elements that are numbers"),
        (b"[0.5, 1e39, 1, 1]", "FP32 holds"),
        (b"[0.5, 1e999, 1, 1]", "out of range"),
        (b"[[[[0.5]]]]", "data"),
        (b"[true, 1, 1, 1]", "elements that are numbers"),
    ],
)
def test_numbers_that_are_none_are_refused(data: bytes, problem: str, tmp_path: Path) -> None:
    body = b'{"outputs":[{"name":"result","datatype":"FP32","shape":[1,4],"data":%b}]}' % data
    error = served(tmp_path, answering(http(200, body)), refused, DOUBLE, ROW, **FOREIGN)
    assert error.status == 500
    assert problem in error.problem


def test_rows_that_the_request_had_not_are_refused(tmp_path: Path) -> None:
    body = b'{"outputs":[{"name":"result","datatype":"FP32","shape":[2,4],"data":[1,1,1,1,1,1,1,1]}]}'
    error = served(tmp_path, answering(http(200, body)), refused, DOUBLE, ROW, **FOREIGN)
    assert (error.status, "batch is 2 here and 1 elsewhere" in error.problem) == (500, True)


@pytest.mark.parametrize(
    ("status", "body", "expected", "text"),
    [
        (400, b'{"error": "no tea"}', 400, "step 'same': no tea"),
        (422, b'{"error": "no tea\\n  File \\"/srv/app.py\\""}', 422, "step 'same': no tea"),
        (400, b'{"error": "in /srv/app/secret.py"}', 400, "step 'same': its server refused the request (400)"),
        (400, b'{"error": "Traceback (most recent call last):\\n x"}', 400, "its server refused the request (400)"),
        (400, b'{"detail": "not OIP"}', 500, "step 'same' failed: its server answered 400"),
        (401, b'{"error": "who are you"}', 500, "step 'same' failed: its server answered 401"),
        (404, b'{"error": "no such model"}', 500, "step 'same' failed: it is not served there"),
        (405, b'{"error": "GET only"}', 500, "its server answered 405"),
        (413, b'{"error": "too much"}', 413, "step 'same': too much"),
        (415, b'{"error": "JSON only"}', 500, "its server answered 415"),
        (429, b'{"error": "slower"}', 503, "step 'same' is not available just now"),
        (500, b'{"error": "Traceback (most recent call last): /srv/app.py"}', 500, "its server answered 500"),
        (502, b"", 500, "its server answered 502"),
        (503, b'{"error": "no replica yet"}', 503, "step 'same' is not available just now"),
        (504, b"", 504, "gave no answer within the request's time"),
    ],
)
def test_each_refusal_of_a_server_has_its_error(
    status: int, body: bytes, expected: int, text: str, tmp_path: Path
) -> None:
    error = served(
        tmp_path, answering(http(status, body, b"longspan-by-step: 1", b"retry-after: 99999")), refused, **FOREIGN
    )
    assert (error.status, error.retry_after_seconds) == (expected, 1 if expected == 503 else None)
    assert text in error.problem
    assert "srv" not in error.problem
    assert str(status) in str(error.__cause__), "what the log will say"


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_busy_is_left_alone_for_a_moment(status: int, tmp_path: Path) -> None:
    async def often(there: Remote, caller: Caller) -> bool:
        with pytest.raises(RequestError):
            await there.runnable.function(content(b"x"))
        # However long it asked for.
        return there.edge.closed(monotonic_ns()) and not there.edge.closed(monotonic_ns() + LONGEST_PAUSE)

    assert server_of(tmp_path, http(status, b"", b"retry-after: 999999"), often)


def server_of(folder: Path, answer: bytes, use: Callable[[Remote, Caller], Awaitable[bool]]) -> bool:
    """What `use` finds with a server that always answers so, and is one socket."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "server.sock"))
        listening.listen()

        def serve() -> None:
            wire, _ = listening.accept()
            with wire:
                wire.recv(1 << 16)
                wire.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        found = calls(folder / "server.sock", apart(SAME, **FOREIGN), use)
        thread.join(WITHIN)
    return found


def test_bytes_that_json_cannot_hold_are_the_clients_fault_only_if_they_are_the_clients(tmp_path: Path) -> None:
    error = refusal(tmp_path / "none.sock", apart(SAME, **FOREIGN), content(b"\xff"))
    assert error.status == 400
    assert error.problem.startswith("step 'same': input 'content' holds bytes that are no UTF-8 text")
    of_a_step = FOREIGN | {"inputs": {"content": "before.result"}}
    error = served(tmp_path, answering(b""), refused, SAME, content(b"\xff"), **of_a_step)
    assert (error.status, error.problem[:20]) == (500, "step 'same' failed: ")


def test_nobody_there_is_an_ordinary_503(tmp_path: Path) -> None:
    error = refusal(tmp_path / "none.sock", apart(SAME, **FOREIGN), content(b"x"))
    assert (error.status, error.retry_after_seconds) == (503, 1)


@given(st.text(max_size=600))
def test_what_is_repeated_of_a_server_is_one_short_line_without_a_path(text: str) -> None:
    found = presentable(text)
    assert found.isprintable()
    assert len(found) <= 303
    assert "Traceback" not in found
    assert "/srv/app" not in presentable(f"{text} in /srv/app/x.py")


@given(st.integers(100, 599).filter(lambda status: status != 200), st.binary(max_size=200))
def test_whatever_a_server_says_there_is_an_error_that_names_the_step(status: int, body: bytes) -> None:
    error = of_server("same", status, body)
    assert "'same'" in error.problem
    assert 400 <= error.status < 600
