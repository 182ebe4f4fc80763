"""The system that is flooded, and what its answers must be.

A request takes 20 ms of CPU, so that client and gateway cost little beside it. `spin` computes in Python, one replica;
`digest` lets go of the interpreter, as a model does, two replicas.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.system import System
from longspan.client.load import Answer, Plan, Request, run

REPLICAS = {"spin": 1, "digest": 2}
_STEADY = 4
"""Requests under way for each replica while the capacity is measured."""

FILE = """\
system: {name: overload}
services:
  spin:
    settle: 1s
    steps:
      spin: {run: "steps:spin", repeatable: true}
  digest:
    replicas: 2
    settle: 1s
    steps:
      digest: {run: "steps:digest", repeatable: true}
gateway: {port: 0}
"""
STEPS = """\
from __future__ import annotations

from hashlib import sha256
from time import thread_time
from typing import Annotated, TypedDict

import numpy as np
from numpy.typing import NDArray

from longspan import Shape

CPU_SECONDS = 0.02
BLOCK = bytes(1 << 18)
Number = Annotated[NDArray[np.int64], Shape(1)]


class Given(TypedDict):
    same: Number


def spin(number: Number) -> Given:
    until = thread_time() + CPU_SECONDS
    while thread_time() < until:
        pass
    return {"same": number}


def digest(number: Number) -> Given:
    until = thread_time() + CPU_SECONDS
    while thread_time() < until:
        sha256(BLOCK)
    return {"same": number}
"""


class Came(NamedTuple):
    """One answer of status 200 or 503. Seconds from when it was sent."""

    number: int
    status: int
    seconds: float


@dataclass
class Answers:
    """The check of a load: which answers came, and whether each was as it must be."""

    came: list[Came] = field(default_factory=list)

    def __call__(self, answer: Answer) -> str:
        self.came.append(Came(answer.number, answer.status, (answer.done_ns - answer.sent_ns) / 1e9))
        if answer.status == 503:
            fields = {name.lower(): value for name, value in answer.headers}
            said = fields.get(b"retry-after", b"").isdigit() and answer.body.startswith(b'{"error":')
            return "" if said else "a refusal that does not say when to come back"
        return "" if b'"data":[7]' in answer.body else "another number"


def asked(service: str) -> Request:
    """One number, which comes back."""
    tensor = {"name": "number", "shape": [1], "datatype": "INT64", "data": [7]}
    return Request(path=f"/v2/models/{service}/infer", body=msgspec.json.encode({"inputs": [tensor]}))


def capacity(address: str, service: str, seconds: float = 4.0) -> float:
    """Right answers a second when so many requests are always under way."""
    plan = Plan(
        address=address,
        requests=(asked(service),),
        rate_per_second=2_000,
        seconds=seconds,
        new_connection_every=0,
        in_flight=_STEADY * REPLICAS[service],
    )
    report = run(plan)
    if report.failed:
        raise RuntimeError(f"the capacity could not be measured: {report}")
    return report.ok / report.seconds


@contextmanager
def running(file: str = FILE) -> Iterator[System]:
    """The system of this benchmark, up; or that of another file with the same steps."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder)) as system:
        system.file.write_text(file)
        (system.folder / "steps.py").write_text(STEPS)
        system.up()
        yield system
