"""Calls to steps that run in another unit: a real worker is called, as another worker calls it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from longspan.base.errors import RequestError
from longspan.base.signatures import TensorType
from longspan.serving.egress import Caller, Remote
from longspan.wire.orders import Limits, Work
from tests.serving.calling import VERSION, apart, call, calls, content, refusal, seen, unit
from tests.serving.conftest import Start
from tests.serving.running import ROWS, WITHIN, Running, step, until

SAME, FAIL, WAIT = step("same", "same"), step("fail", "fail"), step("wait", "wait")
DOUBLE = step("double", "double", {"rows": ROWS}, {"result": ROWS})
TOTAL = step("total", "total", {"rows": ROWS}, {"result": TensorType("FP32", (1,))})
PATH = f"/v2/models/graph.wait/versions/{VERSION}/infer"


@pytest.fixture(scope="module")
def callee(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("callee")
    work = Work(unit="graph.steps", code="code", services=tuple(unit(one) for one in (SAME, FAIL, WAIT, DOUBLE, TOTAL)))
    running = Running(folder, work).start()
    yield running
    running.stop()


def test_arrays_go_and_arrays_come(callee: Running) -> None:
    rows = np.arange(8, dtype="f4").reshape(2, 4)
    assert np.array_equal(call(callee.socket, apart(DOUBLE), {"rows": rows})["result"], rows * 2)
    assert call(callee.socket, apart(SAME), content(b"\x00\xff"))["result"].tolist() == [b"\x00\xff"]


def test_a_step_that_makes_one_answer_of_all_rows_may_be_given_none(callee: Running) -> None:
    for count in (2, 0, 1):
        result = call(callee.socket, apart(TOTAL), {"rows": np.ones((count, 4), "f4")})["result"]
        assert result.tolist() == [4.0 * count]


def test_large_tensors_go_and_come_over_one_kept_connection(callee: Running) -> None:
    rows = np.random.default_rng(7).random((1 << 16, 4), "f4")  # 1 MiB
    before = callee.load("graph.double").bytes_in

    async def often(there: Remote, caller: Caller) -> list[Any]:
        return [(await there.runnable.function({"rows": rows[:count]}))["result"] for count in (1 << 16, 3, 1 << 15)]

    results = calls(callee.socket, apart(DOUBLE), often)
    assert all(np.array_equal(result, rows[: len(result)] * 2) for result in results)
    assert [len(result) for result in results] == [1 << 16, 3, 1 << 15]
    until(lambda: callee.load("graph.double").bytes_in - before > rows.nbytes * 1.5, "what came in")


def test_what_a_step_refuses_reads_the_same_as_in_one_process(callee: Running) -> None:
    error = refusal(callee.socket, apart(FAIL), content(b"teapot"))
    assert (error.status, error.problem) == (422, "no tea")
    error = refusal(callee.socket, apart(FAIL), content(b"ouch"))
    assert (error.status, error.problem) == (500, "step 'fail' failed: KeyError: 'ouch'")


def test_a_version_that_is_not_there_is_no_fault_of_the_request(callee: Running) -> None:
    error = refusal(callee.socket, apart(SAME, version="ffffffffffff"), content(b""))
    assert error.status == 503
    assert "step 'same' has no replica of this version" in error.problem


def test_a_step_apart_answers_only_by_its_version(callee: Running) -> None:
    assert callee.request("GET", f"/v2/models/graph.same/versions/{VERSION}/ready").status == 200
    for path in ("/v2/models/graph.same", "/v2/models/graph.same/ready", "/v2/models/graph.same/versions/1"):
        assert callee.request("GET", path).status == 404
    assert callee.request("POST", "/v2/models/graph.same/infer", b"{}").status == 404
    assert callee.request("POST", "/v1/services/graph.same", b"x").status == 404


def test_inputs_that_are_not_the_steps_are_not_sent(callee: Running) -> None:
    error = refusal(callee.socket, apart(DOUBLE), {"rows": np.ones((1, 4))})
    assert error.status == 500
    assert error.problem.startswith("step 'double' failed: input 'rows' is FP32[batch, 4]; came an array of float64")


def test_a_call_that_is_too_large_is_refused_before_it_is_sent(callee: Running) -> None:
    error = refusal(callee.socket, apart(DOUBLE), {"rows": np.ones((5 << 20, 4), "f4")})
    assert error.status == 413
    assert "step 'double' would be given 838" in error.problem


def test_what_our_own_graph_sends_wrong_is_not_the_clients_fault(callee: Running) -> None:
    error = refusal(callee.socket, apart(DOUBLE), {"rows": np.ones((2, 3), "f4")})
    assert (error.status, error.problem) == (500, "step 'double' failed: its unit answered 400")
    assert "must be 4" in str(error.__cause__), "for the log"


def test_the_time_of_the_request_is_the_time_of_its_calls(callee: Running) -> None:
    before = callee.load("graph.wait").cancelled
    error = refusal(callee.socket, apart(WAIT), content(b"1.0"), Limits(time_seconds=0.2))
    assert (error.status, error.problem) == (504, "step 'wait' gave no answer within the request's time")
    until(lambda: callee.load("graph.wait").cancelled == before + 1, "the callee to hear of it")


def test_a_call_that_is_cancelled_is_seen_to_be_gone(callee: Running) -> None:
    before = callee.load("graph.wait").cancelled

    async def cancelled(there: Remote, caller: Caller) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(there.runnable.function(content(b"0.5"))) for _ in range(3)]
            await seen(lambda: callee.load("graph.wait").in_flight == 3)
            assert there.edge.in_flight == 3
            for task in tasks:
                task.cancel()
        assert there.edge.in_flight == 0

    calls(callee.socket, apart(WAIT), cancelled)
    until(lambda: callee.load("graph.wait").cancelled == before + 3, "the callee to hear of it")


def test_a_worker_answers_no_later_than_its_caller_waits(callee: Running) -> None:
    before = callee.load("graph.wait").timeouts
    body = b'{"inputs":[{"name":"content","datatype":"BYTES","shape":[1],"data":["1.0"]}]}'
    answer = callee.request("POST", PATH, body, longspan_timeout_ms="200")
    assert answer.status == 504
    assert "no answer within 0.2 s" in answer.json["error"]
    until(lambda: callee.load("graph.wait").timeouts == before + 1, "the count")
    assert callee.request("POST", PATH, body.replace(b"1.0", b"0.0"), longspan_timeout_ms="999999999").status == 200


@pytest.mark.parametrize("odd", ["", "soon", "-1", "1.5", "9" * 13])
def test_a_time_that_is_no_number_is_refused(callee: Running, odd: str) -> None:
    for method, path in (("POST", PATH), ("GET", "/v2/health/live")):
        answer = callee.request(method, path, b"{}" if method == "POST" else None, longspan_timeout_ms=odd)
        assert answer.status == 400
        assert answer.json["error"] == f"longspan-timeout-ms is {odd!r}, expected a number of milliseconds"


def test_a_worker_that_dies_in_the_middle_is_a_503_and_so_is_nobody(start: Start) -> None:
    running = start(unit(WAIT))

    async def killed(there: Remote, caller: Caller) -> str:
        task = asyncio.ensure_future(there.runnable.function(content(b"9")))
        await seen((running.folder / "runs").exists)
        os.kill(running.process.pid, signal.SIGKILL)
        with pytest.raises(RequestError) as caught:
            await task
        assert (caught.value.status, caught.value.retry_after_seconds) == (503, 1)
        return caught.value.problem

    assert calls(running.socket, apart(WAIT), killed) == "step 'wait' was cut off before its answer"
    running.process.wait(WITHIN)
    error = refusal(running.socket, apart(WAIT), content(b"0"))
    assert (error.status, error.problem) == (503, "step 'wait' cannot be reached: the gateway does not answer")
    assert refusal(Path(running.folder) / "nowhere.sock", apart(WAIT), content(b"0")).status == 503


def test_a_unit_that_is_full_closes_the_way_to_it_until_it_answers_again(start: Start) -> None:
    running = start(unit(WAIT, Limits(queue=1)))

    async def crowded(there: Remote, caller: Caller) -> None:
        def ask(text: bytes) -> asyncio.Future[Any]:
            future: asyncio.Future[Any] = asyncio.ensure_future(there.runnable.function(content(text)))
            return future

        first = ask(b"0.5")
        await seen((running.folder / "runs").exists)
        second = ask(b"0")
        await seen(lambda: running.load("graph.wait").queued == 1)
        with pytest.raises(RequestError) as caught:
            await ask(b"0")
        assert caught.value.status == 503
        assert caught.value.problem == "step 'wait' takes no more just now"
        assert there.edge.until > 0, "it is left alone"
        await asyncio.gather(first, second)
        assert there.edge.until == 0, "an answer opens it again"

    calls(running.socket, apart(WAIT), crowded)


def test_a_replica_that_leaves_answers_the_call_and_closes_the_connection(start: Start) -> None:
    running = start(unit(WAIT))

    async def leaving(there: Remote, caller: Caller) -> None:
        task = asyncio.ensure_future(there.runnable.function(content(b"0.3")))
        await seen((running.folder / "runs").exists)
        running.process.terminate()
        assert (await task)["result"].tolist() == [b"0.3"]

    calls(running.socket, apart(WAIT), leaving)
    assert running.process.wait(WITHIN) == 0
