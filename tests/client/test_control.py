"""Does the client of control turn answers into values and refusals into the right errors?"""

from __future__ import annotations

import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.errors import Complaint, Invalid, LongspanError, Refused, Unreachable
from longspan.client.control import Control, NotRunning
from longspan.client.messages import (
    ApplyAnswer,
    ApplyOrder,
    ControlView,
    GatewayView,
    GenerationView,
    Plan,
    Problem,
    RollbackOrder,
    Status,
)
from longspan.client.problems import error_of, problem_of
from tests.client.answering import Answering, Reply, whole

STATUS = Status(
    system="hello",
    generation=2,
    url="http://127.0.0.1:8080",
    control=ControlView(pid=7),
    gateway=GatewayView(pid=8, version="1.40.0"),
    units=(),
    natural={"flower": ("application/json",)},
)
PLAN = Plan(system="hello", on=2, changes=())


def told(value: object, status: int = 200) -> Reply:
    return whole(msgspec.json.encode(value), status)


def test_each_question_is_answered_with_its_value(tmp_path: Path) -> None:
    replies = {
        "GET /v1/status": told(STATUS),
        "POST /v1/plan": told(PLAN),
        "POST /v1/apply": told(ApplyAnswer(generation=3, plan=PLAN)),
        "POST /v1/rollback": told(ApplyAnswer(generation=None, plan=PLAN)),
        "POST /v1/down": whole(b"null", 202),
    }
    server = Answering(replies)
    with server.on_unix(tmp_path / "control.sock"):
        control = Control(tmp_path)
        assert control.status() == STATUS
        assert control.plan() == PLAN
        assert control.apply(ApplyOrder(author="me", on=2)).generation == 3
        assert control.rollback(RollbackOrder(author="me", to=1)).generation is None
        control.down(now=True)
    orders = [msgspec.json.decode(asked.body) for asked in server.asked[2:]]
    assert orders == [{"author": "me", "on": 2}, {"author": "me", "to": 1}, {"now": True}]


def test_stopping_ends_when_the_process_of_control_has_ended(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        status = replace(STATUS, control=ControlView(pid=process.pid))
        server = Answering({"GET /v1/status": told(status), "POST /v1/down": whole(b"null", 202)})
        with server.on_unix(tmp_path / "control.sock"):
            control = Control(tmp_path)
            assert not control.stop(now=False, within_seconds=0.05)
            process.kill()
            assert control.stop(now=True, within_seconds=10)


def test_without_a_socket_nothing_runs(tmp_path: Path) -> None:
    control = Control(tmp_path / "never-made")
    with pytest.raises(NotRunning, match=r"no control runs for this system.*longspan up"):
        control.status()
    with pytest.raises(NotRunning):
        list(control.logs())


def test_a_wrong_file_brings_all_its_complaints(tmp_path: Path) -> None:
    complaints = (Complaint("longspan.yaml", 3, 1, "services", "is empty"), Complaint("longspan.yaml", 9, 2, "x", "y"))
    problem = Problem(title="invalid", status=422, detail="2", exit=2, complaints=complaints)
    with (
        Answering({"POST /v1/plan": told(problem, 422)}).on_unix(tmp_path / "control.sock"),
        pytest.raises(Invalid) as caught,
    ):
        Control(tmp_path).plan()
    assert (caught.value.complaints, caught.value.exit_code) == (complaints, 2)


def test_a_refusal_keeps_its_exit_code_and_remedy(tmp_path: Path) -> None:
    problem = Problem(title="refused", status=409, detail="generation 3 is current", exit=4, remedy="Plan again")
    with (
        Answering({"POST /v1/apply": told(problem, 409)}).on_unix(tmp_path / "control.sock"),
        pytest.raises(Refused, match=r"generation 3 is current. Plan again") as caught,
    ):
        Control(tmp_path).apply(ApplyOrder(author="me", on=2))
    assert caught.value.exit_code == 4


def test_an_answer_of_another_version_is_an_error_that_says_so(tmp_path: Path) -> None:
    with (
        Answering({"GET /v1/status": whole(b'{"system": 1}')}).on_unix(tmp_path / "control.sock"),
        pytest.raises(LongspanError, match=r"not understood.*another version"),
    ):
        Control(tmp_path).status()


@given(body=st.binary(max_size=200) | st.sampled_from([b"{}", b"null", b"[]", b'{"title": 1}']))
def test_any_other_body_becomes_a_problem_too(body: bytes) -> None:
    error = error_of(problem_of(502, body))
    assert error.exit_code == 1
    assert "502" in str(error)


def test_a_generation_is_followed_until_its_verdict_is_in_force(tmp_path: Path) -> None:
    view = GenerationView(number=3, parent=2, author="me", at="2026-01-01T00:00:00Z", state="pending", done=False)
    server = Answering({"GET /v1/generations/3": told(view), "GET /v1/status": told(STATUS)})
    states = []
    with server.on_unix(tmp_path / "control.sock"):
        for generation, _ in Control(tmp_path).follow(3):
            states.append(generation.state)
            if len(states) == 2:
                server.replies["GET /v1/generations/3"] = told(replace(view, state="failed", reason="died"))
            if len(states) == 3:
                server.replies["GET /v1/generations/3"] = told(replace(view, state="failed", done=True))
    assert states == ["pending", "pending", "failed", "failed"]


def test_log_lines_come_as_they_are_written(tmp_path: Path) -> None:
    """The second line is written only after the first has been read."""
    read = threading.Semaphore(1)
    reply = Reply(chunks=(b"one\n", b"two\n"), before_each=lambda: read.acquire(timeout=5))
    server = Answering({"GET /v1/logs": reply})
    lines = []
    with server.on_unix(tmp_path / "control.sock"):
        for piece in Control(tmp_path).logs(follow=True, request="id 1", unit="flower"):
            lines.append(piece)
            read.release()
    assert lines == [b"one\n", b"two\n"]
    assert server.asked[0].path == "/v1/logs?follow=true&request=id+1&unit=flower"


def test_a_control_that_dies_cuts_the_log_off_with_an_error(tmp_path: Path) -> None:
    reply = Reply(chunks=(b"one\n",), length=100)
    with Answering({"GET /v1/logs": reply}).on_unix(tmp_path / "control.sock"):
        pieces = Control(tmp_path).logs(follow=True)
        assert next(pieces) == b"one\n"
        with pytest.raises(Unreachable):
            next(pieces)
