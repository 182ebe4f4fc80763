"""Who runs at the same time: branches of a graph, asynchronous steps, calls of one step elsewhere."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longspan.base.errors import RequestError
from longspan.serving.exchange import Exchange, current
from longspan.serving.rows import Rows
from longspan.serving.tasks import AT_ONCE
from tests.serving.lanes import WITHIN, Function, Graph, add, later, make, on_loop, same, until


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


@pytest.mark.parametrize(("queue", "at_once"), [(100, AT_ONCE), (8, 2), (1, 1)])
def test_a_padded_step_elsewhere_is_called_for_several_buckets_at_once_but_not_for_all(
    queue: int, at_once: int
) -> None:
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

        graph = Graph(make("read", elsewhere, pad={"width": 4}, rows=2), make("last", same, "read.y"), queue=queue)
        widths = [4 * (1 + n // 2) for n in range(40)]
        rows = Rows([np.full(width, n, np.float32) for n, width in enumerate(widths)], np.dtype(np.float32))
        graph.put(x=rows)
        answer = (await graph.get()).outputs["y"]
        assert answer[:, 0].tolist() == list(range(40))
        assert sorted(shapes) == [(2, 4 * n) for n in range(1, 21)]
        assert most == at_once
        assert (graph.steps[0].requests, graph.steps[0].runs) == (1, 20)
        assert graph.thread.close(WITHIN)

    on_loop(run)


def test_many_requests_of_many_buckets_have_no_more_calls_under_way_than_may_wait_there() -> None:
    """Half as many as may wait, each with calls for twelve widths, and none is answered until all are there."""
    queue, requests, widths = 64, 32, range(4, 52, 4)

    async def run() -> None:
        under_way = most = 0
        go = asyncio.Event()

        async def elsewhere(inputs: dict[str, Any]) -> dict[str, Any]:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await go.wait()
            await asyncio.sleep(0)
            under_way -= 1
            return {"y": inputs["a"][:, :2]}

        graph = Graph(make("read", elsewhere, pad={"width": 4}, rows=2), make("last", same, "read.y"), queue=queue)
        for number in range(requests):
            rows = [np.full(width, number * 100 + width, np.float32) for width in widths]
            graph.put(x=Rows(rows, np.dtype(np.float32)))
            await asyncio.sleep(0)  # one after the other, so that the first do not know yet how many come
        go.set()
        for _ in range(requests):
            answer = (await graph.get()).outputs["y"][:, 0]
            assert (answer % 100).tolist() == [float(width) for width in widths]
            assert len(set(answer // 100)) == 1
        assert AT_ONCE < most <= queue
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
