"""Does a plan read as it should, and does the end of an apply?"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import pytest

from longspan.base.errors import LongspanError
from longspan.capabilities.generations.cli import lines, settle, summary
from longspan.cli.main import run
from longspan.client.control import Control
from longspan.client.messages import (
    ApplyAnswer,
    Change,
    ControlView,
    GatewayView,
    GenerationView,
    Plan,
    Problem,
    Status,
)
from tests.client.answering import Answering, Reply, whole

PLAN = Plan(
    system="hello",
    on=41,
    changes=(
        Change(kind="~", at="services.sentiment.settle", before="10s", after="30s"),
        Change(kind="+", at="services.sentiment.steps.name.run", after="steps:name"),
        Change(kind="-", at="models.old.path", before="old.onnx"),
        Change(kind="+", at=f"code/{'deep/' * 12}steps.py", after="sha256:b02cbb1b2ab6"),
    ),
    notes=("scaled to 3 by hand until tomorrow",),
    restarts=("sentiment",),
)

UNTOUCHED = "Nothing has been touched. To go ahead:"

TEXT = """\
~ services.sentiment.settle                          10s -> 30s
+ services.sentiment.steps.name.run                  steps:name
- models.old.path                                    old.onnx
+ code/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/steps.py   sha256:b02cbb1b2ab6
replaces the replicas of sentiment
note: scaled to 3 by hand until tomorrow"""

STATUS = Status(
    system="hello",
    generation=41,
    pending=42,
    url="http://127.0.0.1:8080",
    control=ControlView(pid=7),
    gateway=GatewayView(pid=8, version="1.40.0"),
    units=(),
)


def told(value: object, status: int = 200) -> Reply:
    return whole(msgspec.json.encode(value), status)


def ended(state: Literal["serving", "failed"], reason: str = "", last_log: tuple[str, ...] = ()) -> Reply:
    """What control says of generation 42 when it is pending no more."""
    at = "2026-01-01T00:00:00Z"
    return told(
        GenerationView(
            number=42, parent=41, author="me", at=at, state=state, done=True, reason=reason, last_log=last_log
        )
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "longspan.yaml").touch()
    (tmp_path / ".longspan").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_plan_is_a_line_for_each_change_and_then_what_follows() -> None:
    assert "\n".join(line.plain for line in lines(PLAN)) == TEXT


@pytest.mark.parametrize(
    ("on", "runs", "changes", "text"),
    [
        (41, True, 2, f"2 changes to generation 41. {UNTOUCHED} longspan apply --on 41"),
        (41, True, 1, f"1 change to generation 41. {UNTOUCHED} longspan apply --on 41"),
        (41, False, 0, "nothing would change: generation 41 is what the file says"),
        (41, False, 3, f"3 changes to generation 41. {UNTOUCHED} longspan up, then longspan apply --on 41"),
        (None, False, 1, f"1 change to an empty system. {UNTOUCHED} longspan up"),
        (None, True, 1, f"1 change to an empty system. {UNTOUCHED} longspan apply"),
        (41, True, 0, "nothing would change: generation 41 is what the file says"),
    ],
)
def test_the_last_line_tells_how_to_go_ahead(on: int | None, runs: bool, changes: int, text: str) -> None:
    assert summary(Plan(system="hello", on=on, changes=PLAN.changes[:changes]), runs=runs) == text


@pytest.mark.parametrize(("plan", "code"), [(PLAN, 3), (Plan(system="hello", on=41, changes=()), 0)])
def test_the_exit_code_of_a_plan_tells_whether_something_would_change(
    plan: Plan, code: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Answering({"POST /v1/plan": told(plan)}).on_unix(folder / ".longspan" / "control.sock"):
        assert run(["plan"]) == code
        text = capsys.readouterr().out
        assert run(["plan", "--json"]) == code
    assert text.splitlines()[-1] == summary(plan, runs=True)
    assert msgspec.json.decode(capsys.readouterr().out, type=Plan) == plan


def test_an_apply_on_another_generation_is_refused_with_exit_4(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refusal = Problem(title="refused", status=409, detail="the current generation is 42, not 41", exit=4)
    server = Answering({"POST /v1/apply": told(refusal, 409)})
    with server.on_unix(folder / ".longspan" / "control.sock"):
        assert run(["apply", "--on", "41"]) == 4
    assert capsys.readouterr().err == "error: the current generation is 42, not 41\n"
    order = msgspec.json.decode(server.asked[0].body)
    assert order["on"] == 41
    assert "@" in order["author"]


def test_an_apply_returns_when_the_new_generation_serves(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replies = {
        "POST /v1/apply": told(ApplyAnswer(generation=42, plan=PLAN)),
        "GET /v1/generations/42": ended("serving"),
        "GET /v1/status": told(STATUS),
    }
    with Answering(replies).on_unix(folder / ".longspan" / "control.sock"):
        assert run(["apply"]) == 0
    assert capsys.readouterr().out == f"{TEXT}\ngeneration 42 serves\n"


def test_a_failed_apply_is_exit_1_with_the_reason_below_the_last_log_lines(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = ('{"at": "12:00", "level": "error", "message": "Traceback\\n  boom"}', "plain words")
    replies = {
        "POST /v1/apply": told(ApplyAnswer(generation=42, plan=PLAN)),
        "GET /v1/generations/42": ended("failed", "flower/1 died", log),
        "GET /v1/status": told(STATUS),
    }
    with Answering(replies).on_unix(folder / ".longspan" / "control.sock"):
        assert run(["apply"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "    12:00 error Traceback",
        "          boom",
        "    plain words",
        "error: generation 42 failed: flower/1 died; generation 41 serves as before",
    ]


def test_an_apply_of_what_runs_already_waits_for_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settle(Control(folder), ApplyAnswer(generation=None, plan=Plan(system="hello", on=41, changes=())))
    assert capsys.readouterr().out == "nothing would change: generation 41 is what the file says\n"


def test_a_control_that_dies_meanwhile_is_an_error_with_a_way_on(folder: Path) -> None:
    with pytest.raises(LongspanError, match=r"control died while generation 42 was on its way. longspan up takes over"):
        settle(Control(folder), ApplyAnswer(generation=42, plan=PLAN))
