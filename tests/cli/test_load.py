"""``longspan load``: what a command line may ask for, and what is told of it. Against a real server on a real port."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.cli.load import asked, told
from longspan.cli.load.course import Look
from longspan.cli.main import run
from longspan.client.load import Latency, Mark, Ramp, Report, Steady
from tests.client.answering import Answering, whole

STATUS: dict[str, Any] = {
    "system": "demo", "generation": 1, "control": {"pid": 1}, "gateway": {"pid": 1, "version": ""},
    "units": [{  # a process that is no worker, though control may call one by its number
        "name": "hello", "wanted": 1,
        "replicas": [{"slot": 0, "pid": os.getpid(), "state": "ready", "generation": 1, "restarts": 0}],
    }],
    "services": ["hello", "tensors", "busy"], "natural": {"hello": ["*/*"], "busy": ["image/*"]},
}  # fmt: skip
TENSORS = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Answering]:
    """A user's folder; what stands for the gateway remembers what it was asked."""
    with serving(tmp_path, STATUS) as gateway:
        yield gateway


@contextlib.contextmanager
def serving(tmp_path: Path, status: dict[str, Any]) -> Iterator[Answering]:
    (tmp_path / ".longspan").mkdir()
    (tmp_path / "longspan.yaml").write_text("system: demo\n")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("a.png", "b.png", ".hidden"):
        (pictures / name).write_text(name)
    gateway = Answering(
        {
            "POST /v1/services/hello": whole(b"hi"),
            "POST /v1/services/busy": whole(b'{"error": "full\x1b[2J"}', 503),
            "GET /v2/models/tensors": whole(json.dumps(TENSORS).encode()),
            "POST /v2/models/tensors/infer": whole(b"{}"),
        }
    )
    with gateway.on_tcp() as url:
        control = Answering({"GET /v1/status": whole(json.dumps(status | {"url": url}).encode())})
        with contextlib.chdir(tmp_path), control.on_unix(Path(".longspan/control.sock")):
            yield gateway


def test_it_sends_the_bodies_in_turn_at_the_rate_and_says_what_became_of_all(
    served: Answering, capfd: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(["load", "hello", "--rate", "50/s", "--for", "200ms", "--data", "pictures", "--data", "longspan.yaml"]) == 0
    )
    bodies = [one.body for one in served.asked]
    assert len(bodies) == 10
    assert {body: bodies.count(body) for body in set(bodies)} == {b"a.png": 4, b"b.png": 3, b"system: demo\n": 3}
    assert {one.headers["content-type"] for one in served.asked if one.body == b"a.png"} == {"image/png"}
    shown = capfd.readouterr().out
    assert "50 requests/s for 0.2 s, 3 bodies of 8 bytes on average" in shown
    assert "10 requests due" in shown
    assert "10 ok, 0 failed, 0 not sent" in shown
    assert "p99.9" in shown


def test_json_is_one_object_and_a_failure_is_told_with_its_first_examples(
    served: Answering, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["load", "busy", "--ramp", "0..40/s", "--for", "500ms", "--data", "pictures/a.png", "--json"]) == 1
    seen = json.loads(capfd.readouterr().out)
    assert (seen["service"], seen["rate"], seen["due"], seen["sent"], seen["ok"], seen["failed"]) == (
        "busy", "0 to 40 requests/s", 10, 10, 0, 10,
    )  # fmt: skip
    assert seen["latency_seconds"]["p95"] is None
    (failure,) = seen["failures"]
    assert (failure["reason"], failure["count"], len(failure["first"])) == ("status 503", 10, 3)
    assert failure["first"][0]["body_start"] == '{"error": "full\x1b[2J"}'
    assert sum(window["due"] for window in seen["timeline"]) == 10
    assert run(["load", "busy", "--rate", "40/s", "--for", "100ms", "--data", "pictures/a.png"]) == 1
    shown = capfd.readouterr().out
    assert "4 x status 503\n    at" in shown
    assert "\x1b" not in shown


def test_without_files_it_sends_what_up_shows(served: Answering) -> None:
    assert run(["load", "hello", "--rate", "10/s", "--for", "100ms"]) == 0
    assert served.asked[-1].body == b"system: demo\n"
    assert run(["load", "tensors", "--rate", "10/s", "--for", "100ms"]) == 0
    assert json.loads(served.asked[-1].body)["inputs"][0]["data"] == [0, 0]


def test_a_service_of_tensors_takes_files_of_the_open_inference_protocol(served: Answering) -> None:
    Path("row.json").write_text('{"inputs": []}')
    assert run(["load", "tensors", "--rate", "10/s", "--for", "100ms", "--data", "row.json"]) == 0
    assert (served.asked[-1].path, served.asked[-1].body) == ("/v2/models/tensors/infer", b'{"inputs": []}')


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("hello", "--rate", "50"), 2, "--rate: '50' is no rate. Write it as 50/s"),
        (("hello", "--rate", "5..50/s"), 2, "--rate: '5..50/s' is no rate"),
        (("hello", "--ramp", "50/s"), 2, "--ramp: '50/s' is no ramp. Write it as 5..100/s"),
        (("hello", "--ramp", "5..0/s"), 2, "--ramp: ends at a rate of nothing"),
        (("hello", "--ramp", "1..2/s", "--rate", "1/s"), 2, "--rate: is either steady or a ramp"),
        (("hello", "--hold", "1s"), 2, "--hold: goes with --ramp"),
        (("hello", "--for", "10"), 2, "--for: '10' is not a duration"),
        (("hello", "--for", "0s"), 2, "--for: is no time at all"),
        (("hello", "--rate", "9000000/s"), 2, "--for: more than 20,000,000 requests. Send fewer"),
        (("hello", "--data", "none.png"), 2, "none.png: is not there"),
        (("hello", "--data", ".longspan"), 2, ".longspan: has no files in it"),
        (("tensors", "--data", "pictures/a.png"), 2, "pictures/a.png: is no JSON of the Open Inference Protocol"),
        (("busy",), 2, "busy takes image/*, and nothing was named. Name files with --data"),
        (("helo",), 1, "demo has no service helo. Did you mean hello?"),
        (("zebra",), 1, "demo has no service zebra. It has these: hello, tensors, busy"),
        (("hello", "--kill", "gateway"), 2, "--kill: gateway is none of the service's units"),
        (("hello", "--kill", "replica"), 1, "--kill: no replica of it is ready on this machine"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_told_before_anything_is_sent(
    served: Answering, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, complaint: str
) -> None:
    assert run(["load", *words]) == code
    assert capfd.readouterr().err.startswith(f"error: {complaint}")
    assert not [one for one in served.asked if one.method == "POST"]


def test_nobody_is_killed_while_the_first_generation_settles_since_it_would_be_the_last(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(tmp_path, STATUS | {"generation": None, "pending": 1}) as gateway:
        assert run(["load", "hello", "--kill", "hello"]) == 1
    assert capfd.readouterr().err == (
        "error: --kill: no generation serves yet, and a death in its first seconds fails the one on its way. "
        "Wait until it has settled: longspan status\n"
    )
    assert not gateway.asked


def test_rates_are_per_second_or_per_minute_and_a_ramp_climbs_for_its_time_then_holds() -> None:
    assert asked.schedule("90/m", "", "10s", "") == (Steady(1.5), 10.0)
    assert asked.schedule("", "", "10s", "") == (Steady(10), 10.0)
    assert asked.schedule("", "0.5..2/s", "10s", "5s") == (Ramp(0.5, 2, over_seconds=10), 15.0)


REPORT = Report(
    schedule=Steady(10), seconds=3.2, due=30, ok=28, failed=0, not_sent=2, reasons=(),
    latency=Latency.of([2_000_000] * 28), connections=4, worst_lag_seconds=0.25, late=3,
    marks=(Mark(1.5, "killed hello/0 (pid 7)"),), nanoseconds=(2_000_000,) * 28 + (-3, -3),
)  # fmt: skip
LOOKS = (Look(0.0, {"hello": 2}), Look(1.0, {"hello": 2}), Look(1.25, {"hello": 1}), Look(1.5, {"hello": 2}))


def lines() -> list[str]:
    outcome = told.Told("hello", "http://x", 1, 5, REPORT, LOOKS)
    return "\n".join(str(line) for line in told.lines(outcome)).splitlines()


def test_a_client_that_could_not_keep_the_pace_says_so() -> None:
    assert "2 were not sent: as many as --connections allows were unanswered already" in lines()
    assert any(
        line.startswith("this client could not keep the pace: 3 (10.7%) were sent over 10 ms late, the worst 250 ms")
        for line in lines()
    )


def test_what_was_done_stands_at_its_moment_and_a_dip_of_replicas_is_seen() -> None:
    assert lines()[0] == "   1.50 s  killed hello/0 (pid 7)"
    timeline = told.json(told.Told("hello", "u", 1, 5, REPORT, LOOKS))["timeline"]
    assert [(one["start"], one["ready"]["hello"]) for one in timeline][:4] == [(0, 2), (0.5, 2), (1.0, 1), (1.5, 2)]
    assert [line.split("   ")[0] for line in lines() if "⠒⠒" in line] == [
        "requests (1/s)", "latency (ms)", "ready replicas",
    ]  # fmt: skip


@given(st.lists(st.integers(-3, 10**13), max_size=50))
def test_a_histogram_holds_every_answer_once_and_no_empty_end(row: list[int]) -> None:
    rows = told.histogram(row)
    assert sum(count for _, count in rows) == sum(value >= 0 for value in row)
    if rows:
        assert rows[0][1] > 0
        assert rows[-1][1] > 0
    assert all(math.isclose(float(f"{bound:.0e}"), bound) for bound, _ in rows)
