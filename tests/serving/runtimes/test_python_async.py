"""Async steps and streams as they run, fail, are cancelled and are closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from longspan.base.errors import RequestError
from longspan.wire.tensors import Tensor
from tests.serving.runtimes.calling import step
from tests.serving.runtimes.conftest import Module


def test_an_async_step_is_awaited(module: Module) -> None:
    source = """
    import asyncio
    async def f(x: int) -> int:
        await asyncio.sleep(0)
        return 6 // x
    """
    runnable = step(module(source), "x INT64[1]", "y INT64[1]")
    assert runnable.call == "async"
    assert asyncio.run(runnable.function({"x": np.array([3])}))["y"][0] == 2
    with pytest.raises(RequestError, match="step 's' failed: ZeroDivisionError"):
        asyncio.run(runnable.function({"x": np.array([0])}))


def test_a_cancelled_step_is_cancelled(module: Module) -> None:
    source = """
    import asyncio
    async def f() -> int:
        await asyncio.get_running_loop().create_future()
    """
    runnable = step(module(source), "", "y INT64[1]")

    async def cancel() -> None:
        task = asyncio.ensure_future(runnable.function({}))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())


STREAMS = """
closed = []

async def f(n: int) -> AsyncIterator[Json]:
    try:
        for i in range(n):
            yield {"i": 6 // (4 - i)}
    finally:
        closed.append("f")

class Given:
    def __init__(self): self.i = 0
    def __aiter__(self): return self
    async def __anext__(self):
        self.i += 1
        return self.i
    async def aclose(self): closed.append("given")

async def g(n: int) -> AsyncIterator[Json]:
    return Given()

async def h(n: int) -> AsyncIterator[int]:
    yield "text"
"""


async def _first(values: AsyncIterator[dict[str, Tensor]], count: int) -> list[bytes]:
    seen = []
    async for value in values:
        seen.append(value["y"][0])
        if len(seen) == count:
            break
    await values.aclose()  # type: ignore[attr-defined]
    return seen


def test_a_stream_gives_one_value_at_a_time_and_is_closed_with_its_reader(module: Module) -> None:
    name = module(STREAMS)
    runnable = step(name, "n INT64[1]", "y JSON[1]")
    assert runnable.call == "stream"
    assert asyncio.run(_first(runnable.function({"n": np.array([3])}), 9)) == [b'{"i":1}', b'{"i":2}', b'{"i":3}']
    given_back = step(name, "n INT64[1]", "y JSON[1]", attribute="g").function({"n": np.array([0])})
    assert asyncio.run(_first(given_back, 2)) == [b"1", b"2"]
    asyncio.run(_first(runnable.function({"n": np.array([3])}), 1))
    import steps  # type: ignore[import-not-found]

    assert steps.closed == ["f", "given", "f"]


def test_a_stream_that_fails_says_so_where_it_fails(module: Module) -> None:
    name = module(STREAMS)

    async def read(attribute: str, outputs: str) -> int:
        count = 0
        runnable = step(name, "n INT64[1]", outputs, attribute=attribute)
        with pytest.raises(RequestError, match="step 's' failed: ZeroDivisionError|output 'y' of step 's' is INT64"):
            async for _ in runnable.function({"n": np.array([9])}):
                count += 1
        return count

    assert asyncio.run(read("f", "y JSON[1]")) == 4
    assert asyncio.run(read("h", "y INT64[1]")) == 0
