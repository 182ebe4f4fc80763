"""What `longspan.client` costs a program: CPU microseconds of its process for an inference, beside bare `http.client`.

Both send the same bytes over one kept connection to the same service, which gives its input back, one call after the
other, in turn A B B A. The bare one sends ready bytes and reads the answer's; ours makes them of an array, and an array
of them. The server's processes are not counted.
"""

from __future__ import annotations

import asyncio
import http.client
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure
from benchmarks.spread import PAIRS, compare
from benchmarks.system import System
from longspan.client import AsyncClient, Client
from longspan.wire.oip import untyped
from longspan.wire.tensors import Tensor

BOUND = 1.5
SIZES = {"64 bytes": (16, 1_500), "1 MB": (250_000, 150)}
"""Name of a tensor -> its numbers, and calls in a slice."""

FILE = """\
system: {name: client}
services:
  echo:
    settle: 1s
    steps:
      echo: {run: "steps:echo", repeatable: true}
gateway: {port: 0}
"""
STEPS = """\
from __future__ import annotations

from typing import Annotated, TypedDict

import numpy as np
from numpy.typing import NDArray

from longspan import Shape


class Echoed(TypedDict):
    y: Annotated[NDArray[np.float32], Shape("length")]


def echo(x: Annotated[NDArray[np.float32], Shape("length")]) -> Echoed:
    return {"y": x}
"""


def figures(pairs: int = PAIRS) -> Iterator[Figure]:
    """For each size the bare client, ours and their ratio, which is bound; the asynchronous one is told."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder)) as system:
        system.file.write_text(FILE)
        (system.folder / "steps.py").write_text(STEPS)
        system.up()
        for size, (numbers, calls) in SIZES.items():
            array = np.arange(numbers, dtype=np.float32)
            with Client(f"http://{system.address}") as client:
                _right(client, array)
                bare, ours = _bare(system.address, array, calls), _ours(client, array, calls)
                bare(), ours()
                found = compare(bare, ours, pairs)
            awaited = compare(bare, _awaited(system.address, array, calls), pairs)
            yield Figure(f"CPU a call with {size}, bare http.client", "us", found.a)
            yield Figure(f"CPU a call with {size}, longspan.client", "us", found.b)
            yield Figure(f"CPU a call with {size}, longspan.client over bare", "times", found.ratio, BOUND)
            yield Figure(f"CPU a call with {size}, AsyncClient over bare http.client", "times", awaited.ratio)


def _right(client: Client, array: Tensor) -> None:
    """Raises `RuntimeError` when the echo is none."""
    if not np.array_equal(client.infer("echo", {"x": array}).outputs["y"], array):
        raise RuntimeError("the service does not give back what it was given")


def _ours(client: Client, array: Tensor, calls: int) -> Callable[[], float]:
    def run() -> float:
        began = time.process_time_ns()
        for _ in range(calls):
            client.infer("echo", {"x": array})
        return (time.process_time_ns() - began) / 1e3 / calls

    return run


def _bare(address: str, array: Tensor, calls: int) -> Callable[[], float]:
    parts = untyped.encode({"x": array})
    body = b"".join(parts)
    headers = {
        "content-type": "application/octet-stream",
        "inference-header-content-length": str(len(parts[0])),
    }
    host, _, port = address.rpartition(":")

    def run() -> float:
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        connection.connect()
        began = time.process_time_ns()
        for _ in range(calls):
            connection.request("POST", "/v2/models/echo/infer", body, headers)
            answer = connection.getresponse()
            came = answer.read()
            if answer.status != 200 or len(came) < array.nbytes:
                raise RuntimeError(f"echo answered {answer.status}: {came[:200]!r}")
        took = time.process_time_ns() - began
        connection.close()
        return took / 1e3 / calls

    return run


def _awaited(address: str, array: Tensor, calls: int) -> Callable[[], float]:
    return lambda: asyncio.run(_async(address, array, calls))


async def _async(address: str, array: Tensor, calls: int) -> float:
    async with AsyncClient(f"http://{address}") as client:
        await client.infer("echo", {"x": array})
        began = time.process_time_ns()
        for _ in range(calls):
            await client.infer("echo", {"x": array})
        return (time.process_time_ns() - began) / 1e3 / calls
