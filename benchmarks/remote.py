"""What a step apart costs: p50 of the same service with its second step in the same process and in one of its own.

The first step makes a tensor of 1 MB, the second takes it and gives one number. Apart, the tensor travels as binary
from one worker through the gateway's second door to another. One connection, one request after the other.
"""

from __future__ import annotations

import http.client
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure
from benchmarks.spread import PAIRS, compare
from benchmarks.system import System

BOUND_MILLISECONDS = 1.0
REQUESTS = 300

SERVICE = """\
  {name}:
    settle: 1s
    accepts: {{"*/*": make.content}}
    answers: {{application/json: take.total}}
    steps:
      make: {{run: "steps:make", repeatable: true}}
      take: {{run: "steps:take", repeatable: true{apart}}}
"""
FILE = (
    "system: {name: remote}\nservices:\n"
    + SERVICE.format(name="fused", apart="")
    + SERVICE.format(name="apart", apart=", apart: true")
    + "gateway: {port: 0}\n"
)
STEPS = """\
from __future__ import annotations

from typing import Annotated, TypedDict

import numpy as np
from numpy.typing import NDArray

from longspan import Shape

VALUES = np.ones(250_000, np.float32)


class Made(TypedDict):
    values: Annotated[NDArray[np.float32], Shape(250_000)]


class Taken(TypedDict):
    total: Annotated[NDArray[np.float32], Shape(1)]


def make(content: bytes) -> Made:
    return {"values": VALUES}


def take(values: Annotated[NDArray[np.float32], Shape(250_000)]) -> Taken:
    return {"total": values.sum(keepdims=True)}
"""


def figures(pairs: int = PAIRS, requests: int = REQUESTS) -> Iterator[Figure]:
    """p50 of both, and what the one apart takes more."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder)) as system:
        system.file.write_text(FILE)
        (system.folder / "steps.py").write_text(STEPS)
        system.up()
        address = system.address
        for name in ("fused", "apart"):
            p50(address, name, requests)
        found = compare(lambda: p50(address, "fused", requests), lambda: p50(address, "apart", requests), pairs)
    yield Figure("p50 of a 1 MB tensor to a step in the same process", "ms", found.a)
    yield Figure("p50 of a 1 MB tensor to a step apart", "ms", found.b)
    yield Figure("p50, apart over the same process", "ms", found.difference, BOUND_MILLISECONDS)


def p50(address: str, service: str, requests: int) -> float:
    """Milliseconds; the median of so many requests on one kept connection. Raises `RuntimeError` on a wrong answer."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    took = []
    for _ in range(requests):
        began = time.perf_counter()
        connection.request("POST", f"/v1/services/{service}", b"x", {"content-type": "application/octet-stream"})
        answer = connection.getresponse()
        body = answer.read()
        took.append(time.perf_counter() - began)
        if answer.status != 200 or float(body.strip(b"[]")) != 250_000:
            raise RuntimeError(f"{service} answered {answer.status}: {body[:200]!r}")
    connection.close()
    return 1e3 * median(took)
