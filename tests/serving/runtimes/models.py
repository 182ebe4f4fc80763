"""Small ONNX models, made where a test needs them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from longspan.base.signatures import Signature
from longspan.wire.orders import ModelWork

Sizes = Sequence[int | str | None] | None


def value(name: str, element: int, shape: Sizes) -> onnx.ValueInfoProto:
    """A named tensor; None as a size is an unknown one, as the shape an unknown rank."""
    return helper.make_tensor_value_info(name, element, shape)


def save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: Sequence[onnx.TensorProto] = (),
    **more: Any,
) -> str:
    """Write a model and give its path."""
    graph = helper.make_graph(list(nodes), "graph", list(inputs), list(outputs), list(weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    model.ir_version = 10
    onnx.save(model, path, **more)
    return str(path)


def identity(path: Path, element: int, shape: Sizes, out: Sizes = ("n",)) -> str:
    """A model whose output `y` is its input `x`."""
    node = helper.make_node("Identity", ["x"], ["y"])
    return save(path, [node], [value("x", element, shape)], [value("y", element, out)])


def tiny(path: Path) -> str:
    """16-64-3 with a softmax: `x` FP32 [N, 16] to `probs` FP32 [N, 3]."""
    rng = np.random.default_rng(7)
    first, second = rng.normal(size=(16, 64)).astype("f4"), rng.normal(size=(64, 3)).astype("f4")
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "second"], ["c"]),
        helper.make_node("Softmax", ["c"], ["probs"]),
    ]
    weights = [numpy_helper.from_array(first, "first"), numpy_helper.from_array(second, "second")]
    inputs = [value("x", TensorProto.FLOAT, ("N", 16))]
    return save(path, nodes, inputs, [value("probs", TensorProto.FLOAT, ("N", 3))], weights)


def work(signature: Signature, *, threads: int = 1) -> ModelWork:
    """Orders for a model."""
    return ModelWork(name="tiny", version="1", threads=threads, digest="d" * 64, signature=signature, answers=True)
