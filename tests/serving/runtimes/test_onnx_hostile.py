"""Models that nobody would serve: refused in words when they are described, or when they are loaded and warmed up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from longspan.base.errors import LongspanError
from longspan.serving.runtimes.onnx import describe
from tests.serving.runtimes.models import identity, save, value

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def elsewhere(location: str) -> onnx.TensorProto:
    """A tensor that says that its elements are in another file."""
    tensor = numpy_helper.from_array(np.ones(4, "f4"), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    return tensor


def constant(name: str, array: object) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(array), name))


def adds(path: Path, *nodes: onnx.NodeProto, weights: tuple[onnx.TensorProto, ...] = ()) -> str:
    """``y = x + w``, whatever gives ``w``."""
    add = helper.make_node("Add", ["x", "w"], ["y"])
    return save(path, [*nodes, add], [value("x", FLOAT, ("N", 4))], [value("y", FLOAT, ("N", 4))], weights)


def in_a_weight(path: Path) -> str:
    return adds(path, weights=(elsewhere("../../etc/hostname"),))


def in_a_constant(path: Path) -> str:
    return adds(path, helper.make_node("Constant", [], ["w"], value=elsewhere("/etc/hostname")))


def in_a_branch(path: Path) -> str:
    given = value("w", FLOAT, (4,))
    there = helper.make_graph([helper.make_node("Constant", [], ["w"], value=elsewhere("b.bin"))], "b", [], [given])
    here = helper.make_graph([constant("w", np.ones(4, "f4"))], "c", [], [given])
    chosen = helper.make_node("If", ["true"], ["w"], then_branch=here, else_branch=there)
    return adds(path, constant("true", True), chosen)


def in_a_function(path: Path) -> str:
    adds(path, constant("w", np.ones(4, "f4")))
    model = onnx.load(path)
    body = [helper.make_node("Constant", [], ["w"], value=elsewhere("b.bin"))]
    versions = [helper.make_opsetid("", 21)]
    model.functions.append(helper.make_function("acme", "Ones", [], ["w"], body, versions))
    onnx.save(model, path)
    return str(path)


@pytest.mark.parametrize("make", [in_a_weight, in_a_constant, in_a_branch, in_a_function])
def test_weights_in_another_file_are_found_wherever_they_are_named(make: Callable[[Path], str], tmp_path: Path) -> None:
    with pytest.raises(LongspanError, match="keeps its weights in another file. Save the model"):
        describe(make(tmp_path / "m.onnx"))


def test_graphs_are_not_nested_without_end(tmp_path: Path) -> None:
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [], [value("y", FLOAT, ("N", 4))])
    raw = graph.SerializeToString()

    def field(number: int, content: bytes) -> bytes:
        size, length = len(content), b""
        while size > 0x7F:
            length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + content

    for _ in range(1000):
        raw = field(1, field(5, field(6, raw)))  # a node with an attribute that is a graph
    whole = onnx.load(identity(tmp_path / "m.onnx", FLOAT, ("N", 4), ("N", 4))).SerializeToString()
    (tmp_path / "m.onnx").write_bytes(whole + field(7, raw))
    with pytest.raises(LongspanError):
        describe(str(tmp_path / "m.onnx"))


def custom_operator(path: Path) -> str:
    node = helper.make_node("Frob", ["x"], ["w"], domain="acme")
    return adds(path, node)


def unknown_operator(path: Path) -> str:
    return adds(path, helper.make_node("Frobnicate", ["x"], ["w"]))


def wrong_opset(path: Path) -> str:
    model = onnx.load(identity(path, FLOAT, ("N", 4), ("N", 4)))
    model.opset_import[0].version = 999
    onnx.save(model, path)
    return str(path)


def wrong_format(path: Path) -> str:
    model = onnx.load(identity(path, FLOAT, ("N", 4), ("N", 4)))
    model.ir_version = 99
    onnx.save(model, path)
    return str(path)


def a_ring(path: Path) -> str:
    return adds(path, helper.make_node("Identity", ["y"], ["w"]))


def another_type_than_said(path: Path) -> str:
    cast = helper.make_node("Cast", ["x"], ["y"], to=INT64)
    return save(path, [cast], [value("x", FLOAT, ("N",))], [value("y", FLOAT, ("N",))])


def an_output_that_nothing_makes(path: Path) -> str:
    node = helper.make_node("Identity", ["x"], ["z"])
    return save(path, [node], [value("x", FLOAT, ("N",))], [value("y", FLOAT, ("N",))])


def two_of_one_name(path: Path) -> str:
    inputs = [value("x", FLOAT, ("N", 4)), value("x", FLOAT, ("N", 4))]
    return save(path, [helper.make_node("Neg", ["x"], ["y"])], inputs, [value("y", FLOAT, ("N", 4))])


def a_name_with_a_colour(path: Path) -> str:
    name = "x\n\x1b[31m"
    return save(path, [helper.make_node("Neg", [name], ["y"])], [value(name, FLOAT, (4,))], [value("y", FLOAT, (4,))])


def a_hundred_dimensions(path: Path) -> str:
    return identity(path, FLOAT, (1,) * 100, (1,) * 100)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (custom_operator, "No opset import for domain 'acme'. Its operators must be onnxruntime's own"),
        (unknown_operator, "No Op registered for Frobnicate"),
        (wrong_opset, "it is of opset 999 of ai.onnx; "),
        (wrong_format, "Unsupported model IR version: 99"),
        (a_ring, "the graph is not acyclic"),
        (another_type_than_said, "does not match expected type"),
        (an_output_that_nothing_makes, "Graph output (y) does not exist"),
        (two_of_one_name, "has two inputs of one name"),
        (a_name_with_a_colour, "has an input whose name nobody can write: 'x\\n\\x1b[31m'"),
        (a_hundred_dimensions, "input 'x' has 100 dimensions; served are at most 64"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_model_that_cannot_run_is_refused_when_it_is_described(
    make: Callable[[Path], str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(LongspanError) as caught:
        describe(make(tmp_path / "m.onnx"))
    text = str(caught.value)
    assert said in text
    assert str(tmp_path) not in text
    assert "std::" not in text
    assert "\n" not in text


def fifty_gigabytes(path: Path) -> str:
    """Constants whose sum has 50 GB on its way; the largest value of the input decides nothing, but keeps it there."""
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["whole"], to=INT64),
        constant("many", np.array([50_000_000_000 // 4])),
        helper.make_node("Add", ["whole", "many"], ["size"]),
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["w"], keepdims=0),
    ]
    return adds(path, *nodes)


def a_terabyte_of_input(path: Path) -> str:
    return identity(path, FLOAT, (65536, 65536, 64), (65536, 65536, 64))


CHILD = """
import resource, sys
from time import monotonic_ns
from longspan.base.errors import LongspanError
from longspan.serving.runtimes.onnx import describe, load
from longspan.serving.warmup import measure
from tests.serving.runtimes.models import work

resource.setrlimit(resource.RLIMIT_DATA, (8 << 30, 8 << 30))
model = load(work(describe(sys.argv[1])), sys.argv[1], sys.argv[2])
try:
    measure(model, monotonic_ns)
except LongspanError as error:
    print(error)
"""
"""A worker's start, within a part of the machine."""


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (fifty_gigabytes, "Failed to allocate memory for requested buffer of size 50000000000"),
        (a_terabyte_of_input, "Unable to allocate 1.00 TiB"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_model_that_wants_more_memory_than_there_is_fails_at_its_start(
    make: Callable[[Path], str], said: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "m.onnx")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, path, str(tmp_path / "graphs")], capture_output=True, text=True, check=False
    )
    assert said in done.stdout, done.stderr
    assert done.returncode == 0
