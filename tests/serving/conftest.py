"""Workers that several tests share: started once, since a process with a model takes its half second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks import tiny
from longspan.base.signatures import TensorType
from longspan.wire.orders import Limits, ServiceWork, Work
from tests.serving.running import JSON, ROWS, Running, model, service, step

TINY_IN = {"input": TensorType("FP32", ("batch", 16))}
TINY_OUT = {"scores": TensorType("FP32", ("batch", 3))}

Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts workers for these services, each in a slot of its own, and ends them."""
    started: list[Running] = []

    def start(*services: ServiceWork, limits: Limits = Limits(), secrets: dict[str, str] | None = None) -> Running:
        work = Work(unit="unit", code="code", services=services, limits=limits)
        running = Running(tmp_path, work, slot=len(started), secrets=secrets or {})
        started.append(running)
        return running.start()

    yield start
    for running in started:
        running.stop()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One worker with the tiny model and one service of each kind, at ordinary limits."""
    folder = tmp_path_factory.mktemp("shared")
    path = tiny.write(folder / "tiny.onnx")
    counted = {"text/event-stream": "result", "application/x-ndjson": "result"}
    work = Work(
        unit="unit",
        code="code",
        models=(model("tiny", path, TINY_IN, TINY_OUT),),
        services=(
            service("same", step("same", "same"), accepts={"image/*": "content", "text/plain": "content"}),
            service("words", step("words", "words", gives={"result": JSON}), answers={"application/json": "result"}),
            service("double", step("double", "double", {"rows": ROWS}, {"result": ROWS}), accepts={}, answers={}),
            service("fail", step("fail", "fail")),
            service(
                "later",
                step("first", "same"),
                step("later", "later", sources={"content": "first.result"}, call="async"),
            ),
            service(
                "both",
                step("first", "same"),
                step("last", "words", gives={"result": JSON}, sources={"content": "first.result"}),
                outputs={"given": "first.result", "found": "last.result"},
                answers={"application/json": "found", "text/plain": "given"},
            ),
            service("count", step("count", "count", gives={"result": JSON}, call="stream"), answers=counted),
        ),
    )
    running = Running(folder, work, {"tiny": path}).start()
    yield running
    running.stop()
