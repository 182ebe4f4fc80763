"""The tiny model of benchmarks and journeys: 16 numbers in, three scores out (16-64-64-3, ReLU, softmax).

Its weights come from a fixed seed, so that every machine measures, and checks, the same model.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SEED = 20261124
SIZES = (16, 64, 64, 3)
ROW: tuple[float, ...] = tuple(round(0.125 * i - 1.0, 3) for i in range(SIZES[0]))
"""One row of input: exact in FP32 and in JSON."""


def weights() -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """For each of the three layers its matrix [in, out] and its bias [out], FP32."""
    random = np.random.default_rng(SEED)
    layers = []
    for width_in, width_out in pairwise(SIZES):
        matrix = random.standard_normal((width_in, width_out)) / np.sqrt(width_in)
        layers.append(
            (matrix.astype(np.float32), random.standard_normal(width_out).astype(np.float32) * np.float32(0.1))
        )
    return layers


def model() -> onnx.ModelProto:
    """Input ``input`` FP32 [batch, 16]; output ``scores`` FP32 [batch, 3], which sum to one."""
    nodes, constants, last = [], [], "input"
    layers = weights()
    for number, (matrix, bias) in enumerate(layers):
        constants += [numpy_helper.from_array(matrix, f"w{number}"), numpy_helper.from_array(bias, f"b{number}")]
        nodes.append(helper.make_node("Gemm", [last, f"w{number}", f"b{number}"], [f"h{number}"]))
        last = f"h{number}"
        if number < len(layers) - 1:
            nodes.append(helper.make_node("Relu", [last], [f"r{number}"]))
            last = f"r{number}"
    nodes.append(helper.make_node("Softmax", [last], ["scores"], axis=1))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", SIZES[0]])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", SIZES[-1]])],
        initializer=constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.checker.check_model(made)
    return made


def write(path: Path) -> Path:
    """Write the model to `path` (about 23 kB) and return it."""
    path.write_bytes(model().SerializeToString(deterministic=True))
    return path


def expected(row: tuple[float, ...] = ROW) -> list[float]:
    """Scores of one row, computed with numpy in FP64: what a right answer is close to."""
    value = np.asarray([row], dtype=np.float64)
    layers = weights()
    for number, (matrix, bias) in enumerate(layers):
        value = value @ matrix.astype(np.float64) + bias.astype(np.float64)
        if number < len(layers) - 1:
            value = np.maximum(value, 0.0)
    power = np.exp(value - value.max())
    return [float(score) for score in (power / power.sum())[0]]


def infer_body(row: tuple[float, ...] = ROW) -> bytes:
    """An OIP v2 infer request of one row, as JSON."""
    tensor = {"name": "input", "shape": [1, SIZES[0]], "datatype": "FP32", "data": list(row)}
    return msgspec.json.encode({"inputs": [tensor]})
