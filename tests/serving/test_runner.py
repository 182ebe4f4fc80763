"""Loop or thread: real chains on a real loop, in this process."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

from longspan.base.errors import RequestError
from longspan.base.signatures import Signature, TensorType
from longspan.serving.company import Limits, group
from longspan.serving.exchange import Exchange
from longspan.serving.order import Facts
from longspan.serving.pace import SLOW, WINDOW, Pace
from longspan.serving.runner import CLOSE, Groups, Workshop
from longspan.serving.runtimes import Runnable
from longspan.serving.step import Step
from longspan.serving.thread import ChainThread
from tests.serving.one_chain import NOWHERE, ROWS, WITHIN, Chain, number, on_loop


def test_a_request_that_comes_alone_runs_at_once() -> None:
    async def run() -> None:
        chain = Chain(Pace(inline=True))
        chain.put(7)
        assert chain.sizes == [1]
        assert number(chain.done.get_nowait()) == 7

    on_loop(run)


def test_what_comes_in_behind_it_during_one_turn_of_the_loop_is_one_run() -> None:
    async def run() -> None:
        chain = Chain(Pace(inline=True))
        chain.put(0)
        # As close behind it as a request is that had come while it ran.
        for each in range(1, 6):
            chain.put(each, started=chain.lane._ended + CLOSE - 1)
        assert chain.sizes == [1], "the others run when the turn is over"
        assert [number(await chain.get()) for _ in range(6)] == [0, 1, 2, 3, 4, 5]
        assert chain.sizes == [1, 5]
        assert set(chain.threads) == {threading.current_thread().name}

    on_loop(run)


def test_only_what_is_alike_shares_a_run_and_no_more_rows_than_the_limit() -> None:
    async def run() -> None:
        chain = Chain(Pace(inline=True), rows=4)
        for each, (rows, width) in enumerate([(1, 2), (2, 3), (3, 2), (2, 2), (9, 3)]):
            chain.put(each, rows, width, started=chain.lane._ended)
        assert sorted([number(await chain.get()) for _ in range(5)]) == [0, 1, 2, 3, 4]
        assert chain.sizes == [4, 2, 2, 9]

    on_loop(run)


def test_idle_never_waits_and_busy_takes_what_has_queued() -> None:
    async def run() -> None:
        chain = Chain(None)
        chain.pause = 0.05
        chain.put(0)
        await asyncio.wait_for(chain.begun.wait(), WITHIN)
        for each in range(1, 6):
            chain.put(each)
        assert chain.lane.load() == (5, 6)
        assert [number(await chain.get()) for _ in range(6)] == [0, 1, 2, 3, 4, 5]
        assert chain.sizes == [1, 5]
        assert set(chain.threads) == {"longspan-chain"}
        assert chain.lane.load() == (0, 0)
        assert chain.chain_thread.close(WITHIN)

    on_loop(run)


def test_a_chain_that_becomes_slow_goes_to_the_thread_and_comes_back_when_it_is_quick() -> None:
    async def run() -> None:
        chain = Chain(Pace(inline=True))
        here = threading.current_thread().name
        chain.pause = 5 * SLOW / 1e9
        for each in range(200):
            chain.put(each)
            assert number(await chain.get()) == each
            if "longspan-chain" in chain.threads:
                break
        assert chain.threads[-1] == "longspan-chain"
        assert set(chain.threads[:-1]) == {here}
        chain.pause = 0.0
        for each in range(20 * WINDOW):
            chain.put(each)
            assert number(await chain.get()) == each
            if chain.threads[-1] == here:
                break
        assert chain.threads[-1] == here
        assert chain.chain_thread.close(WITHIN)

    on_loop(run)


def test_what_was_dropped_is_not_run() -> None:
    async def run() -> None:
        chain = Chain(None)
        chain.pause = 0.05
        chain.put(0)
        await asyncio.wait_for(chain.begun.wait(), WITHIN)
        gone, kept = chain.put(1), chain.put(2)
        chain.lane.drop(gone)
        assert number(await chain.get()) == 0
        assert await chain.get() is kept
        assert chain.sizes == [1, 1]
        assert chain.chain_thread.close(WITHIN)

    on_loop(run)


def test_a_full_queue_takes_no_more() -> None:
    async def run() -> None:
        chain = Chain(None, queue=2)
        chain.put(0)
        chain.put(1)
        with pytest.raises(RequestError, match="2 requests wait") as refused:
            chain.put(2)
        assert refused.value.status == 503
        assert [number(await chain.get()) for _ in range(2)] == [0, 1]
        assert chain.chain_thread.close(WITHIN)

    on_loop(run)


def test_those_that_took_too_long_are_named_once() -> None:
    async def run() -> None:
        chain = Chain(None)
        old, young = chain.put(1, started=1), chain.put(2, started=100)
        assert chain.lane.late(before=50) == [old]
        old.done = True
        assert chain.lane.late(before=50) == []
        assert await chain.get() is young
        assert chain.chain_thread.close(WITHIN)

    on_loop(run)


def test_requests_enter_together_for_the_sake_of_a_later_step_that_gains_by_their_rows() -> None:
    """`cut` makes two rows of each request, `read` runs eight of them at once: four requests fill a run."""
    one = TensorType("FP32", (1,))

    async def run() -> None:
        loop = asyncio.get_running_loop()
        begun, go = asyncio.Event(), threading.Event()
        sizes: list[int] = []

        def cut(inputs: dict[str, Any]) -> dict[str, Any]:
            loop.call_soon_threadsafe(begun.set)
            assert go.wait(WITHIN)
            return {"y": np.full((2, 2), inputs["x"][0], np.float32)}

        def read(inputs: dict[str, Any]) -> dict[str, Any]:
            sizes.append(len(inputs["x"]))
            return {"y": inputs["x"] * 2}

        def step(name: str, function: Callable[..., Any], source: str, taken: TensorType, facts: Facts) -> Step:
            runnable = Runnable(name, "sync", Signature({"x": taken}, {"y": ROWS}), function)
            return Step(
                name, runnable, {"x": source}, ["y"], first=source == "x", final=name == "read", own=True,
                repeatable=True, facts=facts,
            )  # fmt: skip

        steps = [step("cut", cut, "x", one, Facts()), step("read", read, "cut.y", ROWS, Facts(counted="cut.y"))]
        limits = [1, 8]
        assert group(steps, limits) == 1
        done: asyncio.Queue[Exchange] = asyncio.Queue()
        thread = ChainThread(loop)
        workshop = Workshop(loop, thread, lambda: None)
        both = Limits(limits, limits, 1, 1)
        lane = Groups("read", steps, both, None, workshop, queue=100, finish=done.put_nowait)

        def put(number: int) -> None:
            exchange = Exchange(cast("Any", None), NOWHERE, {}, keep=True)
            exchange.values = {"x": np.full(1, number, np.float32)}
            exchange.started = time.monotonic_ns()
            lane.take(exchange)

        go.set()
        put(0)
        await asyncio.wait_for(done.get(), WITHIN)
        for _ in range(WINDOW):  # until what a request takes is known to be little, however busy the machine is
            go.clear()
            begun.clear()
            sizes.clear()
            put(0)
            await asyncio.wait_for(begun.wait(), WITHIN)
            for each in range(1, 9):
                put(each)
            go.set()
            answers = sorted([float((await asyncio.wait_for(done.get(), WITHIN)).outputs["y"][0, 0]) for _ in range(9)])
            assert answers == [2.0 * each for each in range(9)]
            if sizes == [2, 8, 8]:
                break
        assert sizes == [2, 8, 8]
        assert thread.close(WITHIN)

    on_loop(run)
