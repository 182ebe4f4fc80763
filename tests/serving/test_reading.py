"""A graph with rows of different sizes in a real worker, with a real model: fused, and with a step apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from longspan.base.signatures import Signature, TensorType
from longspan.wire.orders import Limits, ModelWork, ServiceWork, StepWork, Work
from tests.serving.running import JSON, ONE, Running, model, service, step, until
from tests.serving.runtimes.models import save, value

X = TensorType("FP32", ("batch", 2, "width"))
CROPS = TensorType("FP32", ("batch", 2, "~width"))
SUMS = TensorType("FP32", ("batch",))
TEXTS = TensorType("BYTES", ("batch",), "text")
TEXT = TensorType("BYTES", (1,), "text")
FLAG = TensorType("BOOL", (1,))
CUT = {"crops": CROPS, "any": FLAG, "mark": TEXT}
OUT = {"sums": SUMS, "doubled": X}
ANSWERS = {"application/json": "result"}
LIMITS = Limits(fan_out=20)


def network(path: Path) -> Path:
    """`x` [batch, 2, width] to its sums [batch] and to its double."""
    axes = numpy_helper.from_array(np.array([1, 2], np.int64), "axes")
    nodes = [
        helper.make_node("ReduceSum", ["x", "axes"], ["sums"], keepdims=0),
        helper.make_node("Add", ["x", "x"], ["doubled"]),
    ]
    outputs = [
        value("sums", TensorProto.FLOAT, ("batch",)),
        value("doubled", TensorProto.FLOAT, ("batch", 2, "width")),
    ]
    save(path, nodes, [value("x", TensorProto.FLOAT, ("batch", 2, "width"))], outputs, [axes])
    return path


CUT_STEP = step("cut", "reading:cut", gives=CUT)
READ = StepWork(
    name="read", model="net", pad={"width": 4}, repeatable=True,
    inputs={"x": "cut.crops"}, signature=Signature({"x": X}, OUT),
)  # fmt: skip


def composite(run: str, callee: dict[str, TensorType], mark: bool, **more: object) -> StepWork:
    """The model, and then a callable that takes its sums and maybe the mark."""
    beside = {"mark": TEXT} if mark else {}
    sources = {"x": "cut.crops"} | ({"mark": "cut.mark"} if mark else {})
    made = step("read", run, {"x": X} | beside, {"result": TEXTS}, sources=sources, model="net", pad={"width": 4})
    after = Signature(callee | beside, {"result": TEXTS})
    return msgspec.structs.replace(made, after=after, **more)


LETTERS = composite("reading:Letters", {"sums": SUMS}, mark=True)
PLAIN = composite("reading:plain", {"sums": SUMS}, mark=False)
WORDS = step("words", "reading:words", {"texts": TEXTS}, {"result": JSON}, sources={"texts": "read.result"})


def reading(name: str, *steps: StepWork) -> ServiceWork:
    made = service(name, *steps, accepts={"*/*": "content"}, answers=ANSWERS, limits=LIMITS)
    return msgspec.structs.replace(made, inputs={"content": ONE})


def net(path: Path) -> ModelWork:
    return msgspec.structs.replace(model("net", path, {"x": X}, OUT), answers=False)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Fused: whatever follows below, in one process."""
    folder = tmp_path_factory.mktemp("reading")
    path = network(folder / "net.onnx")
    when = step(
        "assemble", "reading:assemble", {"texts": TEXTS, "doubled": CROPS}, {"result": JSON},
        sources={"texts": "plain.result", "doubled": "read.doubled"}, optional=("texts", "doubled"),
    )  # fmt: skip
    plain = step("plain", "reading:plain", {"sums": SUMS}, {"result": TEXTS}, sources={"sums": "read.sums"})
    branches = (
        step("first", "same"),
        step("one", "reading:meet", sources={"content": "first.result"}),
        step("two", "reading:meet", sources={"content": "first.result"}),
        step(
            "both", "reading:both", {"left": ONE, "right": ONE}, {"result": JSON},
            sources={"left": "one.result", "right": "two.result"},
        ),
    )  # fmt: skip
    pair = TensorType("FP32", ("batch", 2))
    same = msgspec.structs.replace(model("same", path, {"x": X}, OUT), answers=False)
    work = Work(
        unit="unit",
        code="code",
        models=(net(path), same),
        services=(
            reading("letters", CUT_STEP, LETTERS, WORDS),
            reading("plain", CUT_STEP, PLAIN, WORDS),
            reading("parts", CUT_STEP, READ, plain, when),
            reading("maybe", CUT_STEP, msgspec.structs.replace(READ, when="cut.any"), plain, when),
            reading("branches", *branches),
            msgspec.structs.replace(
                service(
                    "misfit",
                    StepWork(
                        name="net", model="net", repeatable=True, inputs={"x": "x"}, signature=Signature({"x": X}, OUT)
                    ),
                    step(
                        "pair", "reading:pair", {"given": pair}, {"result": pair}, sources={"given": "net.doubled"}
                    ),
                    accepts={}, answers={},
                ),
                inputs={"x": X},
            ),
        ),
    )  # fmt: skip
    running = Running(folder, work, {"net": path, "same": path}).start()
    yield running
    running.stop()


def expected(widths: str) -> list[str]:
    return [f"{2 * int(width) * (number + 1):g}" for number, width in enumerate(widths.split())]


@pytest.mark.parametrize("name", ["letters", "plain"])
def test_each_request_gets_what_was_made_of_its_own_rows_in_order(worker: Running, name: str) -> None:
    requests = ["3 9 4", "12", "1 2 3 4 5 6 7 8 9", "", "4 3 9", "20 20 20"]
    with ThreadPoolExecutor(6) as callers:
        answers = callers.map(lambda widths: worker.content(name, widths.encode()), requests * 4)
        for widths, answer in zip(requests * 4, answers, strict=True):
            assert (answer.status, answer.json) == (200, expected(widths))


def test_rows_keep_their_sizes_to_the_next_step_and_the_waste_is_counted(worker: Running) -> None:
    before = worker.steps("parts")["read"]
    answer = worker.content("parts", b"3 9 4 1")
    assert answer.json == {"texts": expected("3 9 4 1"), "shapes": [[2, 4], [2, 12], [2, 4], [2, 4]]}
    until(lambda: worker.steps("parts")["read"].count == before.count + 1, "the count")
    read = worker.steps("parts")["read"]
    assert read.rows - before.rows == 4
    assert read.cells - before.cells == 2 * (4 + 12 + 4 + 4)
    assert read.padding - before.padding == 2 * (1 + 3 + 0 + 3)
    plain = worker.steps("parts")["plain"]
    assert plain.rows == read.rows


def test_no_rows_run_no_model_and_are_an_empty_list_to_the_next_step(worker: Running) -> None:
    before = worker.steps("parts")
    answer = worker.content("parts", b"none")
    assert answer.json == {"texts": [], "shapes": []}
    until(lambda: worker.steps("parts")["assemble"].count == before["assemble"].count + 1, "the count")
    after = worker.steps("parts")
    assert after["read"] == before["read"]
    assert after["plain"] == before["plain"]


def test_a_step_that_was_not_needed_is_skipped_and_counted(worker: Running) -> None:
    assert worker.content("maybe", b"5").json == {"texts": ["10"], "shapes": [[2, 8]]}
    assert worker.content("maybe", b"none").json == {"texts": None, "shapes": None}
    until(lambda: worker.steps("maybe")["read"].skipped == 1, "the count")
    assert {name: one.skipped for name, one in worker.steps("maybe").items()} == {
        "cut": 0, "read": 1, "plain": 1, "assemble": 0,
    }  # fmt: skip


def test_more_rows_than_allowed_are_refused_before_anything_runs_on_them(worker: Running) -> None:
    before = worker.steps("plain")["read"]
    answer = worker.content("plain", b"1 " * 21)
    assert answer.status == 413
    assert answer.json["error"] == "step 'cut' makes 21 rows of this request; limits: fan_out allows 20"
    assert worker.content("plain", b"1 " * 20).status == 200
    until(lambda: worker.steps("plain")["read"].count == before.count + 1, "the count")
    assert worker.steps("plain")["cut"].errors == 1


@pytest.mark.parametrize(("mark", "problem"), [("short", "batch is"), ("numbers", "neither bytes nor text")])
def test_what_a_step_gives_wrongly_is_told_by_its_name_and_the_others_are_answered(
    worker: Running, mark: str, problem: str
) -> None:
    requests = [b"3 9", f"3 9 {mark}".encode(), b"4 4 4", f"2 {mark}".encode(), b"1"]
    with ThreadPoolExecutor(5) as callers:
        answers = list(callers.map(lambda body: worker.content("letters", body), requests))
    assert [answer.status for answer in answers] == [200, 500, 200, 500, 200]
    for answer in (answers[1], answers[3]):
        assert "step 'read'" in answer.json["error"]
        assert problem in answer.json["error"]
    assert answers[2].json == expected("4 4 4")


def test_rows_of_requests_that_wait_share_runs_and_one_bad_row_fails_its_own_request(worker: Running) -> None:
    runs = worker.folder / "runs"
    before = len(runs.read_text().split()) if runs.exists() else 0
    with ThreadPoolExecutor(10) as callers:
        first = callers.submit(worker.content, "plain", b"wait 0.3 4")
        until((worker.folder / "waiting").exists, "the first to be in the thread")
        waiting = [callers.submit(worker.content, "plain", b"4 4") for _ in range(8)]
        bad = callers.submit(worker.content, "plain", b"1 1 13")
        until(lambda: worker.load("plain").queued == 9, "the others to wait")
        page = worker.load("plain")
        assert page.oldest_seconds > 0
        assert worker.steps("plain")["cut"].waiting == 9
        assert first.result().json == ["8"]
        assert [call.result().json for call in waiting] == [["8", "16"]] * 8
        assert (bad.result().status, bad.result().json["error"]) == (500, "step 'read' failed: ValueError: unlucky")
    (worker.folder / "waiting").unlink()
    assert runs.read_text().split()[before] == "1", "idle never waits"
    until(lambda: worker.load("plain").begun == page.begun + 9, "the count")
    assert worker.load("plain").waited_seconds > page.waited_seconds
    assert worker.load("plain").oldest_seconds == 0


def test_branches_run_at_the_same_time(worker: Running) -> None:
    for _ in range(3):
        assert worker.content("branches", b"hi").json == {"left": "hi", "right": "hi"}
    until(lambda: worker.load("branches").begun == 3, "the count")


def test_a_model_that_gives_another_shape_than_the_next_step_takes_is_named(worker: Running) -> None:
    def ask(width: int) -> tuple[int, str]:
        data = [1.0] * 2 * width
        answer = worker.infer("misfit", [{"name": "x", "shape": [1, 2, width], "datatype": "FP32", "data": data}])
        return answer.status, answer.json.get("error", "")

    status, error = ask(2)
    assert status == 500
    assert error == "step 'net' gave doubled of shape [1, 2, 2]; step 'pair' takes FP32[batch, 2]"


# --- apart --------------------------------------------------------------------------------------------------------


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    """(the entry, the unit of its step): the entry calls the unit's socket, where the gateway would stand."""
    path = network(tmp_path / "net.onnx")
    own = msgspec.structs.replace(LETTERS, inputs={"x": "x", "mark": "mark"}, pad={})
    there = ServiceWork(
        name="letters.read", version="abc", inputs=own.signature.inputs, outputs={"result": "read.result"},
        steps=(own,), accepts={}, answers={}, limits=LIMITS, internal=True,
    )  # fmt: skip
    called = StepWork(
        name="read", unit="letters.read", version="abc", pad={"width": 4}, repeatable=True, inputs=LETTERS.inputs,
        signature=LETTERS.signature,
    )  # fmt: skip
    unit = Running(tmp_path, Work(unit="read", code="code", models=(net(path),), services=(there,)), {"net": path})
    service = reading("letters", CUT_STEP, called, WORDS)
    work = Work(unit="letters", code="code", services=(service,), calls=("letters.read",))
    entry = Running(tmp_path, work, slot=1, egress=unit.orders.socket)
    started = [unit.start(), entry.start()]
    yield entry, unit
    for running in started:
        running.stop()


def test_a_step_apart_gives_the_same_and_each_size_is_a_call(apart: tuple[Running, Running], worker: Running) -> None:
    entry, unit = apart
    for widths in ("3 9 4", "12", "", "1 2 3 4 5 6 7 8 9 10 11 12 13", "4 4"):
        answer = entry.content("letters", widths.encode())
        assert (answer.status, answer.json) == (200, expected(widths))
        assert answer.json == worker.content("letters", widths.encode()).json
    until(lambda: entry.steps("letters")["read"].count == 4, "the count")
    read = entry.steps("letters")["read"]
    assert (read.rows, read.waiting) == (19, 0)
    # 3 9 4: two sizes; 12: one; 1 to 13: four; 4 4: one.
    assert read.batches == 8
    assert read.padding > 0
    until(lambda: unit.load("letters.read").requests == {200: 8}, "the calls")


def test_a_step_apart_that_gives_wrongly_or_is_gone_is_told_by_name(apart: tuple[Running, Running]) -> None:
    entry, unit = apart
    wrong = entry.content("letters", b"3 short")
    assert wrong.status == 500
    assert "step 'read'" in wrong.json["error"]
    unit.stop()
    gone = entry.content("letters", b"3")
    assert gone.status == 503
    assert "'read'" in json.loads(gone.body)["error"]
    assert entry.content("letters", b"").json == [], "what does not need the step is answered"
