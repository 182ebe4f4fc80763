"""CPU of a request that brings a tensor of a megabyte and takes one away, both as bytes: bare loop against worker.

Throughput by CPU is the inverse: a worker that takes 1.25 times the CPU of the bare loop has 0.8 of its throughput.

::

    python -m benchmarks.megabyte --pairs 3
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks import servers
from benchmarks.cpu import TURNS, Meter, client_pinned
from benchmarks.figures import Figure
from benchmarks.spread import PAIRS, Compared
from longspan.base.signatures import Signature, TensorType
from longspan.client.load import Answer, Request
from longspan.wire.oip.parts import HEADER_LENGTH
from longspan.wire.orders import ModelWork, Orders, Work

SIZE = 250_000
"""Elements, of four bytes."""
RATE = 200.0
SECONDS = 4.0
RATIO_BOUND = 1.25
PATH = "/v2/models/plus/infer"
VALUES = np.arange(SIZE, dtype=np.float32)


def write(path: Path) -> Path:
    """A model that adds one: ``values`` FP32 [250000] to ``sums`` of the same shape."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["values", "one"], ["sums"])],
        "plus",
        [helper.make_tensor_value_info("values", TensorProto.FLOAT, [SIZE])],
        [helper.make_tensor_value_info("sums", TensorProto.FLOAT, [SIZE])],
        initializer=[numpy_helper.from_array(np.ones(1, np.float32), "one")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def request() -> Request:
    """The megabyte as OIP's binary tensor data, with an answer of that kind asked for."""
    tensor = {
        "name": "values",
        "shape": [SIZE],
        "datatype": "FP32",
        "parameters": {"binary_data_size": VALUES.nbytes},
    }
    head = msgspec.json.encode({"inputs": [tensor], "parameters": {"binary_data_output": True}})
    head += b" " * (-len(head) % 16)
    length = ((HEADER_LENGTH, str(len(head))),)
    return Request(path=PATH, body=head + VALUES.tobytes(), content_type="application/octet-stream", headers=length)


def check(answer: Answer) -> str:
    """Has every element become one more?"""
    right = np.array_equal(np.frombuffer(answer.body[-VALUES.nbytes :], np.float32), VALUES + 1)
    return "" if right else "other sums"


def orders(model: Path) -> Orders:
    """Of one replica that holds the model alone."""
    shape = (SIZE,)
    signature = Signature(inputs={"values": TensorType("FP32", shape)}, outputs={"sums": TensorType("FP32", shape)})
    digest = sha256(model.read_bytes()).hexdigest()
    held = ModelWork(name="plus", version="1", threads=1, digest=digest, signature=signature, answers=True)
    return servers.orders_of(Work(unit="plus", models=(held,)), {"plus": model.name})


def against_bare(*, pairs: int = PAIRS, rate: float = RATE, seconds: float = SECONDS) -> Compared:
    """The bare loop (a) and our worker (b), in turn as in `cpu.against_bare`."""
    return Compared.of([_pair(rate, seconds) for _ in range(pairs)])


def _pair(rate: float, seconds: float) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b, client_pinned() as cores:
        model, ours = write(Path(a) / "plus.onnx"), write(Path(b) / "plus.onnx")
        with (
            servers.bare_of("benchmarks.bare_binary", model, PATH) as bare,
            servers.worker(Path(b), orders(ours), PATH) as worker,
        ):
            meters = [Meter(server, cores, request(), check, warm_up=rate) for server in (bare, worker)]
            for turn in TURNS:
                meters[turn].load(rate, seconds / TURNS.count(turn))
            return meters[0].microseconds, meters[1].microseconds


def figures(pairs: int = PAIRS) -> Iterator[Figure]:
    """Of both, and their ratio."""
    found = against_bare(pairs=pairs)
    yield Figure("CPU a request with 1 MB in and out, bare loop", "us", found.a)
    yield Figure("CPU a request with 1 MB in and out, worker", "us", found.b)
    yield Figure("ratio of these two", "", found.ratio, RATIO_BOUND)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--rate", type=float, default=RATE)
    options = parser.parse_args()
    each = against_bare(pairs=options.pairs, rate=options.rate)
    for name, spread in (("bare", each.a), ("worker", each.b), ("ratio", each.ratio)):
        print(f"{name}: {spread.median:.2f} [{spread.least:.2f}..{spread.greatest:.2f}]")
