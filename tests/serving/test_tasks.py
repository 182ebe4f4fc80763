"""Graphs that are no chain: who waits, who shares a run, and what an error or a client that leaves ends."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable
from typing import Any

import pytest

from longspan.base.errors import RequestError
from tests.serving.lanes import WITHIN, Graph, add, holding, later, make, on_loop, same, until


def test_the_first_error_wins_and_what_has_not_begun_does_not_begin() -> None:
    async def run() -> None:
        begun: list[str] = []
        hold, there, go = holding(asyncio.get_running_loop())

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


def test_a_condition_that_cannot_be_asked_is_told_by_the_step_that_asks() -> None:
    def none(inputs: dict[str, Any]) -> dict[str, Any]:
        return {"y": inputs["a"][:0]}

    async def run() -> None:
        graph = Graph(make("none", none), make("asks", later, "x", when="none.y"), make("last", add, "x asks.y"))
        exchange = graph.put()
        assert await graph.get() is exchange
        assert isinstance(exchange.error, IndexError)
        assert exchange.failed_at == "asks"
        assert graph.thread.close(WITHIN)

    on_loop(run)


def test_requests_that_wait_for_the_same_steps_share_a_run() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        hold, there, go = holding(loop)
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
        hold, there, go = holding(asyncio.get_running_loop())
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
        task = exchange.task
        assert graph.lane.late(exchange.started) == []
        assert graph.lane.late(exchange.started + 1) == [exchange]
        exchange.done = True
        assert graph.lane.load() == (0, 0)
        assert task is not None
        with pytest.raises(asyncio.CancelledError):
            await task
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
        hold, there, go = holding(asyncio.get_running_loop())
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


def test_what_a_request_held_is_free_as_soon_as_it_is_answered() -> None:
    async def run() -> None:
        graph = Graph(make("left", later), make("right", same), make("last", add, "left.y right.y"))
        graph.put()
        await graph.get()  # the thread holds on to its last job until the next
        gc.disable()
        try:
            graph.put()
            exchange = await graph.get()
            held = weakref.ref(exchange.values["left.y"])
            graph.put()
            await graph.get()
            del exchange
            await until(lambda: held() is None)
        finally:
            gc.enable()
        assert graph.thread.close(WITHIN)

    on_loop(run)


def test_what_a_request_held_is_free_when_it_is_dropped_before_it_began() -> None:
    async def run() -> None:
        graph = Graph(make("last", later))
        gc.disable()
        try:
            exchange = graph.put()
            held = weakref.ref(exchange.values["x"])
            exchange.done = True
            graph.lane.drop(exchange)
            del exchange
            await until(lambda: held() is None)
        finally:
            gc.enable()

    on_loop(run)
