"""Lanes of graphs for tests: real threads, a real loop, steps that are plain functions."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, cast

import numpy as np
import uvloop

from longspan.base.errors import RequestError
from longspan.base.signatures import Signature, TensorType
from longspan.serving import order
from longspan.serving.company import Limits
from longspan.serving.exchange import Exchange
from longspan.serving.routes import refusing
from longspan.serving.runner import Workshop
from longspan.serving.runtimes import Runnable
from longspan.serving.step import Step
from longspan.serving.tasks import Tasks
from longspan.serving.thread import ChainThread
from longspan.wire.orders import StepWork

ROWS = TensorType("FP32", ("batch", 2))
WITHIN = 20.0
NOWHERE = refusing(RequestError(404, "no endpoint"))

Function = Callable[[dict[str, Any]], Any]


def make(
    name: str,
    function: Function,
    sources: str = "x",
    *,
    when: str = "",
    rows: int = 1,
    pad: dict[str, int] | None = None,
) -> tuple[StepWork, Step, int]:
    """A step that takes these (an input each, called a, b, c) and gives `y`; asynchronous if its function is."""
    inputs = dict(zip("abc", sources.split(), strict=False))
    call = "async" if asyncio.iscoroutinefunction(function) else "sync"
    taken = TensorType("FP32", ("batch", "width")) if pad else ROWS
    signature = Signature(dict.fromkeys(inputs, taken), {"y": ROWS}, cast("Any", call))
    work = StepWork(name=name, run="m:f", when=when, repeatable=True, inputs=inputs, signature=signature)
    step = Step(
        name, Runnable(name, cast("Any", call), signature, function), inputs, ["y"],
        first=sources == "x", final=name == "last", own=True, repeatable=True, when=when, pad=pad,
        facts=order.Facts(skippable=bool(when)),
    )  # fmt: skip
    return work, step, rows


class Graph:
    """A lane over these steps, and what comes out of it."""

    def __init__(self, *made: tuple[StepWork, Step, int], queue: int = 100) -> None:
        self.loop = asyncio.get_running_loop()
        self.thread = ChainThread(self.loop)
        self.steps = [step for _, step, _ in made]
        self.done: asyncio.Queue[Exchange] = asyncio.Queue()
        limits = [rows for _, _, rows in made]
        self.lane = Tasks(
            "graph", self.steps, order.waits([work for work, _, _ in made]), Limits(limits, limits, 1, 1),
            Workshop(self.loop, self.thread, lambda: None), queue=queue, finish=self._finish, out=cast("Any", None),
        )  # fmt: skip

    def _finish(self, exchange: Exchange) -> None:
        exchange.done = True
        self.done.put_nowait(exchange)

    def put(self, number: float = 1.0, **values: Any) -> Exchange:
        exchange = Exchange(cast("Any", None), NOWHERE, {}, keep=True)
        exchange.values = {"x": np.full((1, 2), number, np.float32)} | values
        exchange.started = time.monotonic_ns()
        self.lane.take(exchange)
        return exchange

    async def get(self) -> Exchange:
        return await asyncio.wait_for(self.done.get(), WITHIN)


def same(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"y": next(iter(inputs.values()))}


def add(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"y": sum(inputs.values())}


async def later(inputs: dict[str, Any]) -> dict[str, Any]:
    await asyncio.sleep(0)
    return same(inputs)


async def until(true: Callable[[], bool]) -> None:
    """Let the loop run until it is so."""
    end = time.monotonic() + WITHIN
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.001)


def on_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(asyncio.wait_for(test(), 2 * WITHIN))
    finally:
        loop.close()


def holding(loop: asyncio.AbstractEventLoop) -> tuple[Function, asyncio.Event, threading.Event]:
    there, go = asyncio.Event(), threading.Event()

    def function(inputs: dict[str, Any]) -> dict[str, Any]:
        loop.call_soon_threadsafe(there.set)
        assert go.wait(WITHIN)
        return same(inputs)

    return function, there, go
