"""A step in a unit of its own: killed, updated, scaled, fused and set apart again, each under load without a failure.

The load is 100 requests/s by a client that never retries and judges every answer. Each test leaves the system apart,
whole, and on some version of the model.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from benchmarks import tiny
from benchmarks.judge import Judge
from benchmarks.system import System, kill
from longspan.base.errors import RequestError
from longspan.client.load import Background, Plan, Request
from longspan.client.messages import Status
from longspan.client.sync import Client

FILE = """\
system: {name: apart}
models:
  tiny: {path: tiny.onnx}
services:
  best:
    settle: 1s
    ready_within: 20s
    steps:
      shift: {run: "steps:shift", repeatable: true}
      classify: {model: tiny, apart: true}
      name: {run: "steps:name", repeatable: true}
gateway: {port: 0}
"""
STEPS = """\
from __future__ import annotations

import asyncio
from typing import Annotated, TypedDict

import numpy as np
from numpy.typing import NDArray

from longspan import Shape

SLOW = 99
Rows = Annotated[NDArray[np.float32], Shape("batch", 16)]


class Shifted(TypedDict):
    input: Rows


class Named(TypedDict):
    best: Annotated[NDArray[np.int64], Shape("batch")]
    score: Annotated[NDArray[np.float32], Shape("batch")]


async def shift(row: Rows) -> Shifted:
    if row[0, 0] == SLOW:
        await asyncio.sleep(4)
    return {"input": row + np.float32(0.5)}


def name(scores: Annotated[NDArray[np.float32], Shape("batch", 3)]) -> Named:
    return {"best": scores.argmax(axis=1).astype(np.int64), "score": scores.max(axis=1)}
"""
SLOW = 99.0
"""A row that begins so takes four seconds in its first step."""
ENTRY, APART = "best", "best.classify"
ALONE, FUSED = "{model: tiny, apart: true}", "{model: tiny}"
PATH = "/v2/models/best/infer"
CALM_SECONDS = 0.4
ROWS = tuple(tuple(float(x) for x in np.roll(tiny.ROW, n)) for n in range(16))


class Versions:
    """Models that differ in their last bias, and what each makes of each row."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "tiny.onnx"
        self.current = 0
        self._scores: dict[int, list[float]] = {}

    def write(self) -> int:
        """Write the next one where the file of the system names it."""
        self.current += 1
        model = tiny.model()
        [bias] = [one for one in model.graph.initializer if one.name == "b2"]
        added = np.array([self.current, 0, 0], np.float32)
        bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + added, "b2"))
        onnx.save(model, self._file)
        session = onnxruntime.InferenceSession(self._file.read_bytes(), providers=["CPUExecutionProvider"])
        rows = np.asarray(ROWS, np.float32) + np.float32(0.5)
        self._scores[self.current] = [float(score) for score in session.run(None, {"input": rows})[0].max(axis=1)]
        return self.current

    def read(self, key: str, answer: Any) -> tuple[str, int]:
        """What is wrong with the answer to row `key`, and the version that gave it."""
        score = {one["name"]: one["data"][0] for one in answer["outputs"]}["score"]
        for version, scores in self._scores.items():
            if abs(score - scores[int(key)]) < 1e-5:
                return "", version
        return "another row's score, or no version's", 0


class Told(NamedTuple):
    """An answer."""

    status: int
    text: str


class Apart:
    """The system, its versions, and the judge of its answers."""

    def __init__(self, folder: Path) -> None:
        self.versions = Versions(folder)
        (folder / "longspan.yaml").write_text(FILE)
        (folder / "steps.py").write_text(STEPS)
        self.judge = Judge(self.versions.read, self.versions.write())
        self.system = System(folder)

    def pids(self, unit: str) -> set[int | None]:
        return {one.pid for one in self.system.replicas(unit)}

    def until_units(self, names: set[str]) -> None:
        self.system.until("only these units", lambda status: {unit.name for unit in status.units} == names)

    def until_count(self, count: int) -> None:
        self.system.until(f"{count} replicas", lambda _: len(self.pids(APART)) == count)

    def asked(self, *, deadline_milliseconds: int, row: tuple[float, ...] = tiny.ROW) -> Told:
        """The answer to one request that must be answered by then; none may come much later."""
        connection = http.client.HTTPConnection(self.system.address, timeout=deadline_milliseconds / 1e3 + 5)
        with contextlib.closing(connection):
            connection.request("POST", PATH, _body(row), {"longspan-timeout-ms": str(deadline_milliseconds)})
            response = connection.getresponse()
            return Told(response.status, response.read().decode())

    @contextmanager
    def under_load(self) -> Iterator[Background]:
        """Load while the block does its worst; then no request may have failed."""
        plan = Plan(
            address=self.system.address,
            requests=tuple(Request(path=PATH, body=_body(row), key=str(number)) for number, row in enumerate(ROWS)),
            rate_per_second=100.0,
            seconds=300.0,
            check=self.judge,
        )
        with Background(plan) as load:
            calm(load)
            yield load
            calm(load)
        assert load.report.clean, f"{load.report}\n{self.system.tails()}"


def _body(row: tuple[float, ...]) -> bytes:
    return tiny.infer_body(row).replace(b'"input"', b'"row"')


def calm(load: Background) -> None:
    until = load.seconds + CALM_SECONDS
    while load.seconds < until:
        time.sleep(0.02)


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    made = Apart(tmp_path_factory.mktemp("apart"))
    with made.system as system:
        system.up()
        yield made


@pytest.fixture
def whole(apart: Apart) -> Apart:
    """The same, whole again whatever the last test did to it."""
    apart.system.until_ready()
    apart.judge.expect(apart.versions.current)
    return apart


def test_a_step_apart_has_replicas_of_its_own_and_its_model_answers_by_itself(whole: Apart) -> None:
    assert {unit.name: len(unit.replicas) for unit in whole.system.status().units} == {ENTRY: 1, APART: 1}
    gateway = Client(f"http://{whole.system.address}", retry=None)
    inputs = {"input": np.array([tiny.ROW], np.float32)}
    assert gateway.infer("tiny", inputs).outputs["scores"].shape == (1, 3)
    with pytest.raises(RequestError) as refused:
        gateway.infer(APART, inputs)
    assert refused.value.status == 404


def test_the_only_replica_of_a_step_is_killed_and_no_request_fails(whole: Apart) -> None:
    entry = whole.pids(ENTRY)
    with whole.under_load() as load:
        [victim] = whole.pids(APART)
        kill(victim)
        load.mark("the step's only replica killed")
        whole.system.until("seen dead", lambda _: victim not in whole.pids(APART))
        whole.system.until_ready()
    assert whole.pids(ENTRY) == entry


def test_another_model_replaces_the_replicas_of_its_step_and_of_no_other(whole: Apart) -> None:
    entry, before, old = whole.pids(ENTRY), whole.pids(APART), whole.versions.current
    with whole.under_load() as load:
        new = whole.versions.write()
        whole.judge.expect(old, new)
        whole.system.run("apply")
        load.mark("another model applied")
        whole.judge.expect(new)
        calm(load)
        assert whole.judge.seen == {new}
    assert whole.pids(ENTRY) == entry
    assert not whole.pids(APART) & before


def test_a_step_goes_into_its_service_and_out_again_under_load(whole: Apart) -> None:
    with whole.under_load() as load, ThreadPoolExecutor() as pool:
        # It will call the step when its own replica is already on its way out.
        slow = pool.submit(whole.asked, deadline_milliseconds=20_000, row=(SLOW, *tiny.ROW[1:]))
        for old, new, units in ((ALONE, FUSED, {ENTRY}), (FUSED, ALONE, {ENTRY, APART})):
            whole.system.change("longspan.yaml", old, new)
            whole.system.run("apply")
            load.mark(f"applied: {new}")
            whole.until_units(units)
            whole.system.until_ready()
    told = slow.result()
    assert told.status == 200, told.text


def test_a_step_alone_grows_and_shrinks_and_nobody_else_is_touched(whole: Apart) -> None:
    entry = whole.pids(ENTRY)
    with whole.under_load() as load:
        for count in (3, 1):
            whole.system.run("scale", APART, str(count), "--for", "1h")
            load.mark(f"{count} replicas asked for")
            whole.until_count(count)
            whole.system.until_ready()
    assert whole.pids(ENTRY) == entry
    assert len(whole.pids(APART)) == 1


def test_a_step_that_hangs_or_is_down_is_told_by_name_before_the_deadline(whole: Apart) -> None:
    [pid] = whole.pids(APART)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        hung = whole.asked(deadline_milliseconds=1000)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (hung.status, "step 'classify'" in hung.text) == (504, True), hung.text
    whole.system.until("a crash loop", lambda status: _killed_again(status, APART))
    down = whole.asked(deadline_milliseconds=5000)
    assert (down.status, "step 'classify'" in down.text) == (503, True), down.text


def _killed_again(status: Status, name: str) -> bool:
    """Is its only replica a crash loop by now? Until then it dies as soon as it is seen."""
    [replica] = next(unit.replicas for unit in status.units if unit.name == name)
    if replica.state != "crash-loop" and replica.pid:
        with contextlib.suppress(ProcessLookupError):
            kill(replica.pid)
    return replica.state == "crash-loop"
