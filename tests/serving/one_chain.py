"""A lane with one step on a real loop, in this process, and what has come out of it."""

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
from longspan.serving.company import Limits
from longspan.serving.exchange import Exchange
from longspan.serving.pace import Pace
from longspan.serving.routes import refusing
from longspan.serving.runner import Groups, Workshop
from longspan.serving.runtimes import Runnable
from longspan.serving.step import Step
from longspan.serving.thread import ChainThread

ROWS = TensorType("FP32", ("batch", 2))
NOWHERE = refusing(RequestError(404, "no endpoint"))
WITHIN = 20.0


class Chain:
    """A lane with one step, and what has come out of it."""

    def __init__(self, pace: Pace | None, rows: int = 8, queue: int = 1000, parts: bool = False) -> None:
        self.loop = asyncio.get_running_loop()
        self.pause = 0.0
        self.threads: list[str] = []
        self.sizes: list[int] = []
        self.begun = asyncio.Event()
        """The step has been entered in the thread."""
        self.done: asyncio.Queue[Exchange] = asyncio.Queue()
        self.chain_thread = ChainThread(self.loop)
        runnable = Runnable("double", "sync", Signature({"x": ROWS}, {"y": ROWS}), self._double)
        step = Step("double", runnable, {"x": "x"}, ["y"], first=True, final=False, own=False, repeatable=True)
        workshop = Workshop(self.loop, self.chain_thread, lambda: None)
        limits = Limits([rows], [rows], rows, rows)
        finish = self.done.put_nowait
        self.lane = Groups("double", [step], limits, pace, workshop, queue=queue, finish=finish, parts=parts)

    def _double(self, inputs: dict[str, Any]) -> dict[str, Any]:
        self.threads.append(threading.current_thread().name)
        self.sizes.append(len(inputs["x"]))
        self.loop.call_soon_threadsafe(self.begun.set)
        if self.pause:
            # Busy, so that no other process may be blamed for it: only time in which this one runs counts as slow.
            end = time.monotonic() + self.pause
            while time.monotonic() < end:
                pass
        return {"y": inputs["x"] * 2}

    def put(
        self, number: int, rows: int = 1, width: int = 2, started: int | None = None, request: str = ""
    ) -> Exchange:
        fields = {b"x-request-id": request.encode()}
        exchange = Exchange(cast("Any", None), NOWHERE, fields, keep=True)
        exchange.values = {"x": np.full((rows, width), number, np.float32)}
        exchange.rows, exchange.alike = rows, (width,)
        exchange.started = time.monotonic_ns() if started is None else started
        self.lane.take(exchange)
        return exchange

    async def get(self) -> Exchange:
        return await asyncio.wait_for(self.done.get(), WITHIN)


def on_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(test())
    finally:
        loop.close()


def number(exchange: Exchange) -> float:
    """What the request was made with, told by its answer."""
    answers = exchange.values["double.y"]
    assert (answers == answers[0, 0]).all()
    return float(answers[0, 0]) / 2
