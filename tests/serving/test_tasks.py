"""Graphs that are no chain: who runs at the same time, who waits, and what an error ends. Real threads, a real loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

import numpy as np
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from longspan.base.errors import RequestError
from longspan.base.signatures import Signature, TensorType
from longspan.serving import order
from longspan.serving.company import Limits
from longspan.serving.exchange import Exchange, current
from longspan.serving.rows import Rows
from longspan.serving.runner import Workshop
from longspan.serving.runtimes import Runnable
from longspan.serving.step import Step
from longspan.serving.tasks import AT_ONCE, Tasks
from longspan.serving.thread import ChainThread
from longspan.wire.orders import StepWork

ROWS = TensorType("FP32", ("batch", 2))
WITHIN = 20.0

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
        exchange = Exchange(cast("Any", None), cast("Any", None), {}, keep=True)
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


def test_branches_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2)

    def meet(inputs: dict[str, Any]) -> dict[str, Any]:
        meeting.wait(WITHIN)  # breaks, and fails the request, unless the other one is there meanwhile
        return same(inputs)

    async def run() -> None:
        graph = Graph(
            make("first", same), make("left", meet, "first.y"), make("right", meet, "first.y"),
            make("last", add, "left.y right.y"),
        )  # fmt: skip
        for number in range(3):
            graph.put(number)
        answers = sorted([float((await graph.get()).outputs["y"][0, 0]) for _ in range(3)])
        assert answers == [0, 2, 4]
        assert graph.thread.close(WITHIN)

    on_loop(run)


def test_a_step_in_a_thread_never_meets_itself() -> None:
    inside = {"left": 0, "right": 0}
    met: list[str] = []

    def alone(name: str) -> Function:
        def function(inputs: dict[str, Any]) -> dict[str, Any]:
            inside[name] += 1
            if inside[name] > 1:
                met.append(name)
            time.sleep(0.002)
            inside[name] -= 1
            return same(inputs)

        return function

    async def run() -> None:
        graph = Graph(make("left", alone("left")), make("right", alone("right")), make("last", add, "left.y right.y"))
        for number in range(10):
            graph.put(number)
        for _ in range(10):
            assert (await graph.get()).error is None
        assert met == []
        assert graph.thread.close(WITHIN)

    on_loop(run)


def test_asynchronous_steps_of_a_request_are_under_way_together_and_know_whose_they_are() -> None:
    async def run() -> None:
        meeting = asyncio.Barrier(2)
        seen: list[Exchange | None] = []

        async def meet(inputs: dict[str, Any]) -> dict[str, Any]:
            seen.append(current.get())
            await asyncio.wait_for(meeting.wait(), WITHIN)
            return same(inputs)

        graph = Graph(make("left", meet), make("right", meet), make("last", add, "left.y right.y"))
        exchange = graph.put(3)
        assert (await graph.get()).outputs["y"].tolist() == [[6, 6]]
        assert seen == [exchange, exchange]
        assert [step.requests for step in graph.steps] == [1, 1, 1]
        assert [step.waiting for step in graph.steps] == [0, 0, 0]
        assert graph.thread.close(WITHIN)

    on_loop(run)


def test_the_first_error_wins_and_what_has_not_begun_does_not_begin() -> None:
    async def run() -> None:
        begun: list[str] = []
        hold, there, go = _holding(asyncio.get_running_loop())

        async def fail(inputs: dict[str, Any]) -> dict[str, Any]:
            await there.wait()
            raise RequestError(422, "no")

        def never(inputs: dict[str, Any]) -> dict[str, Any]:
            begun.append("never")
            return same(inputs)

        graph = Graph(
            make("fail", fail), make("hold", hold), make("never", never, "hold.y"), make("last", add, "fail.y never.y")
        )
        exchange = graph.put()
        assert await graph.get() is exchange
        assert isinstance(exchange.error, RequestError)
        assert (exchange.error.status, exchange.failed_at) == (422, "fail")
        go.set()
        assert graph.thread.close(WITHIN)
        assert begun == []
        assert graph.lane.load() == (0, 0)

    on_loop(run)


def _holding(loop: asyncio.AbstractEventLoop) -> tuple[Function, asyncio.Event, threading.Event]:
    there, go = asyncio.Event(), threading.Event()

    def function(inputs: dict[str, Any]) -> dict[str, Any]:
        loop.call_soon_threadsafe(there.set)
        assert go.wait(WITHIN)
        return same(inputs)

    return function, there, go


def test_one_failed_request_leaves_the_others_alone() -> None:
    def picky(inputs: dict[str, Any]) -> dict[str, Any]:
        if (inputs["a"] == 3).any():
            raise ValueError("three")
        return same(inputs)

    async def run() -> None:
        graph = Graph(make("left", picky, rows=4), make("right", same, rows=4), make("last", add, "left.y right.y"))
        for number in range(6):
            graph.put(number)
        ended = [await graph.get() for _ in range(6)]
        errors = [one for one in ended if one.error is not None]
        assert [(type(one.error), one.failed_at) for one in errors] == [(ValueError, "left")]
        assert sorted(float(one.outputs["y"][0, 0]) for one in ended if one.error is None) == [0, 2, 4, 8, 10]
        assert graph.thread.close(WITHIN)

    on_loop(run)


def test_requests_that_wait_for_the_same_steps_share_a_run() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        hold, there, go = _holding(loop)
        graph = Graph(make("left", hold, rows=8), make("right", later), make("last", add, "left.y right.y", rows=8))
        graph.put(0)
        await there.wait()
        for number in range(1, 5):
            graph.put(number)
        await until(lambda: graph.steps[0].waiting == 4)
        assert graph.lane.load() == (0, 5), "the steps on the right have begun"
        go.set()
        assert sorted([float((await graph.get()).outputs["y"][0, 0]) for _ in range(5)]) == [0, 2, 4, 6, 8]
        assert (graph.steps[0].runs, graph.steps[0].requests) == (2, 5)
        assert graph.thread.close(WITHIN)

    on_loop(run)


def test_what_is_dropped_while_it_waits_is_not_run() -> None:
    async def run() -> None:
        hold, there, go = _holding(asyncio.get_running_loop())
        seen: list[float] = []

        def note(inputs: dict[str, Any]) -> dict[str, Any]:
            seen.append(float(inputs["a"][0, 0]))
            return hold(inputs) if seen == [1.0] else same(inputs)

        graph = Graph(make("left", note), make("right", same), make("last", add, "left.y right.y"))
        graph.put(1)
        await there.wait()
        gone, kept = graph.put(2), graph.put(3)
        await until(lambda: graph.steps[0].waiting == 2)
        gone.done = True
        graph.lane.drop(gone)
        await until(lambda: graph.steps[0].waiting == 1)
        go.set()
        assert {float((await graph.get()).values["x"][0, 0]) for _ in range(2)} == {1, 3}
        assert kept.error is None
        assert seen == [1, 3]
        assert graph.thread.close(WITHIN)

    on_loop(run)


def test_those_that_take_too_long_are_named_and_dropped() -> None:
    async def run() -> None:
        async def forever(inputs: dict[str, Any]) -> Awaitable[Any]:
            await asyncio.Event().wait()
            raise AssertionError

        graph = Graph(make("left", forever), make("right", same), make("last", add, "left.y right.y"))
        exchange = graph.put()
        assert graph.lane.late(exchange.started) == []
        assert graph.lane.late(exchange.started + 1) == [exchange]
        exchange.done = True
        assert graph.lane.load() == (0, 0)
        assert exchange.task is not None
        with pytest.raises(asyncio.CancelledError):
            await exchange.task
        await until(lambda: graph.steps[0].waiting == 0)
        assert graph.thread.close(WITHIN)

    on_loop(run)


def test_more_than_the_queue_holds_are_refused() -> None:
    async def run() -> None:
        graph = Graph(make("left", later), make("right", same), make("last", add, "left.y right.y"), queue=2)
        graph.put()
        graph.put()
        with pytest.raises(RequestError, match="2 requests wait"):
            graph.put()
        for _ in range(2):
            assert (await graph.get()).error is None
        assert graph.thread.close(WITHIN)

    on_loop(run)


def test_waiting_is_counted_until_the_first_step_begins() -> None:
    async def run() -> None:
        hold, there, go = _holding(asyncio.get_running_loop())
        graph = Graph(make("one", hold), make("two", later, "one.y"), make("last", same, "two.y"))
        graph.put()
        await there.wait()
        second = graph.put()
        await until(lambda: graph.steps[0].waiting > 0)
        assert graph.lane.load() == (1, 2)
        waits = graph.lane.waits(second.started + 7)
        assert (waits.begun, waits.oldest) == (1, 7)
        go.set()
        for _ in range(2):
            await graph.get()
        after = graph.lane.waits(0)
        assert (after.begun, after.oldest) == (2, 0)
        assert after.waited > waits.waited >= 0
        assert graph.thread.close(WITHIN)

    on_loop(run)


def test_a_branch_that_is_not_taken_does_not_run() -> None:
    async def run() -> None:
        graph = Graph(
            make("left", later, when="has"), make("right", same), make("last", add, "right.y"),
        )  # fmt: skip
        for has in (True, False):
            graph.put(5, has=np.array([has]))
            exchange = await graph.get()
            assert exchange.error is None
            assert (exchange.values["left.y"] is not None) is has
        assert (graph.steps[0].requests, graph.steps[0].skipped) == (1, 1)
        assert graph.thread.close(WITHIN)

    on_loop(run)


def test_a_padded_step_elsewhere_is_called_for_several_buckets_at_once_but_not_for_all() -> None:
    async def run() -> None:
        under_way = most = 0
        shapes: list[tuple[int, ...]] = []

        async def elsewhere(inputs: dict[str, Any]) -> dict[str, Any]:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            shapes.append(inputs["a"].shape)
            await asyncio.sleep(0.002)
            under_way -= 1
            return {"y": inputs["a"][:, :2]}

        graph = Graph(make("read", elsewhere, pad={"width": 4}, rows=2), make("last", same, "read.y"))
        widths = [4 * (1 + n // 2) for n in range(40)]
        rows = Rows([np.full(width, n, np.float32) for n, width in enumerate(widths)], np.dtype(np.float32))
        graph.put(x=rows)
        answer = (await graph.get()).outputs["y"]
        assert answer[:, 0].tolist() == list(range(40))
        assert sorted(shapes) == [(2, 4 * n) for n in range(1, 21)]
        assert 1 < most <= AT_ONCE
        assert (graph.steps[0].requests, graph.steps[0].runs) == (1, 20)
        assert graph.thread.close(WITHIN)

    on_loop(run)


def test_one_call_that_fails_ends_the_others_of_its_request() -> None:
    async def run() -> None:
        ended: list[str] = []

        async def elsewhere(inputs: dict[str, Any]) -> dict[str, Any]:
            if inputs["a"].shape[1] == 4:
                raise RequestError(503, "step 'read' is busy")
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("cancelled")
            raise AssertionError

        graph = Graph(make("read", elsewhere, pad={"width": 4}), make("last", same, "read.y"))
        graph.put(x=Rows([np.zeros(width, np.float32) for width in (9, 3, 20)], np.dtype(np.float32)))
        exchange = await graph.get()
        assert isinstance(exchange.error, RequestError)
        assert (exchange.error.status, exchange.failed_at) == (503, "read")
        await until(lambda: len(ended) == 2)
        assert graph.thread.close(WITHIN)

    on_loop(run)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.frozensets(st.integers(0, 7), max_size=3), st.booleans()), min_size=1, max_size=8),
    st.integers(1, 4),
)
def test_any_graph_gives_what_its_steps_give_one_after_the_other(
    drawn: list[tuple[frozenset[int], bool]], requests: int
) -> None:
    sources = [" ".join(f"s{other}.y" for other in sorted(others) if other < n) for n, (others, _) in enumerate(drawn)]

    def plus(inputs: dict[str, Any]) -> dict[str, Any]:
        return {"y": sum(inputs.values()) + np.float32(1)}

    async def later_plus(inputs: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        return plus(inputs)

    async def run() -> None:
        graph = Graph(
            *(
                make(f"s{n}", later_plus if waits else plus, sources[n] or "x", rows=2)
                for n, (_, waits) in enumerate(drawn)
            )
        )
        for number in range(requests):
            graph.put(number)
        seen = set()
        for _ in range(requests):
            exchange = await graph.get()
            assert exchange.error is None
            values = {"x": exchange.values["x"]}
            for n, source in enumerate(sources):
                values[f"s{n}.y"] = plus({name: values[name] for name in (source or "x").split()})["y"]
                assert exchange.values[f"s{n}.y"].tolist() == values[f"s{n}.y"].tolist()
            seen.add(float(values["x"][0, 0]))
        assert seen == set(range(requests))
        assert graph.lane.load() == (0, 0)
        assert graph.thread.close(WITHIN)

    on_loop(run)
