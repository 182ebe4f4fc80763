"""ONNX models: what their files say, and how they run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from longspan.base.dtypes import TABLE, DType
from longspan.base.errors import LongspanError, RequestError
from longspan.base.signatures import Signature, TensorType
from longspan.serving.runtimes.onnx import describe, load
from longspan.serving.runtimes.onnx.file import Value, name_dimensions
from longspan.serving.runtimes.onnx.session import graph_name, metadata
from tests.serving.runtimes.models import identity, save, tiny, value, work

ELEMENTS = {"FP16": "FLOAT16", "FP32": "FLOAT", "FP64": "DOUBLE", "BYTES": "STRING"}


def element(row: DType) -> int:
    return int(TensorProto.DataType.Value(ELEMENTS.get(row.oip, row.oip)))


def said(path: str) -> str:
    with pytest.raises(LongspanError) as caught:
        describe(path)
    return str(caught.value)


def test_a_free_first_dimension_is_the_batch(tmp_path: Path) -> None:
    assert describe(tiny(tmp_path / "m.onnx")) == Signature(
        {"x": TensorType("FP32", ("batch", 16))}, {"probs": TensorType("FP32", ("batch", 3))}
    )


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.oip)
def test_every_type_is_described_and_runs(row: DType, tmp_path: Path) -> None:
    path = identity(tmp_path / "m.onnx", element(row), ("N", 2), ("N", 2))
    signature = describe(path)
    assert signature.inputs == {"x": TensorType(row.oip, ("batch", 2))}
    array = np.array([[b"a", "ü".encode()]], object) if row.oip == "BYTES" else np.array([[1, 0]], row.numpy)
    given_back = load(work(signature), path, str(tmp_path / "graphs")).function({"x": array})["y"]
    assert given_back.dtype == array.dtype
    assert np.array_equal(given_back, array)


@pytest.mark.parametrize(
    ("inputs", "outputs", "named"),
    [
        ([("x", ("N", 16))], [("y", ("N", "N_classes"))], "x[batch, 16] y[batch, n_classes]"),
        ([("x", (None, "Seq.Len"))], [("y", (None, None, None))], "x[batch, seq_len] y[batch, d1, d2]"),
        ([("x", (1, "n"))], [("y", ())], "x[1, n] y[]"),
        # An output with a symbol of its own may count something else, such as boxes found.
        ([("x", ("N", 3))], [("boxes", ("M", 4))], "x[batch, 3] boxes[m, 4]"),
        ([("x", ("N", 3))], [("y", ("out_batch", 4))], "x[batch, 3] y[batch, 4]"),
        # Rows that look at each other, or two counts: none of them is the batch.
        ([("x", ("N", "N"))], [("y", ("N",))], "x[n, n] y[n]"),
        ([("q", ("Q", 8)), ("d", ("D", 8))], [("s", ("Q", "D"))], "q[q, 8] d[d, 8] s[q, d]"),
        ([("x", ("seq", "batch", 8))], [("y", ("batch", 8))], "x[seq, batch, 8] y[batch, 8]"),
        ([("x", ("N", "k", "K"))], [("y", ("N", "2d"))], "x[batch, k, k_2] y[batch, d_2d]"),
    ],
)
def test_every_free_dimension_has_a_name(inputs: Any, outputs: Any, named: str) -> None:
    signature = name_dimensions(
        [Value(name, "FP32", shape) for name, shape in inputs], [Value(name, "FP32", shape) for name, shape in outputs]
    )
    tensors = {**signature.inputs, **signature.outputs}
    assert " ".join(f"{name}{str(tensor).removeprefix('FP32')}" for name, tensor in tensors.items()) == named


def test_symbols_that_a_converter_made_up_are_none(tmp_path: Path) -> None:
    path = identity(tmp_path / "m.onnx", TensorProto.FLOAT, ("unk__214", 4), ("unk__215", 4))
    assert describe(path).outputs == {"y": TensorType("FP32", ("batch", 4))}


def test_an_input_with_a_default_value_is_none(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.ones((4, 2), "f4"), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    inputs = [value("x", TensorProto.FLOAT, ("N", 4)), value("w", TensorProto.FLOAT, (4, 2))]
    path = save(tmp_path / "m.onnx", [node], inputs, [value("y", TensorProto.FLOAT, ("N", 2))], [weight])
    assert list(describe(path).inputs) == ["x"]


def test_onnxruntime_is_asked_for_a_shape_that_the_file_leaves_out(tmp_path: Path) -> None:
    path = identity(tmp_path / "m.onnx", TensorProto.FLOAT, ("N", 4), None)
    assert describe(path).outputs == {"y": TensorType("FP32", ("batch", 4))}


def test_the_file_says_what_onnxruntime_says(tmp_path: Path) -> None:
    path = tiny(tmp_path / "m.onnx")
    inputs, outputs = metadata(path)
    assert inputs == [("x", "tensor(float)", ["N", 16])]
    assert outputs == [("probs", "tensor(float)", ["N", 3])]


def test_what_cannot_be_served_is_said_in_words(tmp_path: Path) -> None:
    assert said(identity(tmp_path / "a", TensorProto.BFLOAT16, ("N",))).startswith(
        "input 'x' is bfloat16; served are BOOL,"
    )
    zip_map = helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(1, ()))
    )
    node = helper.make_node("Identity", ["x"], ["y"])
    output = helper.make_value_info("y", zip_map)
    path = save(tmp_path / "b", [node], [value("x", TensorProto.FLOAT, ("N",))], [output])
    assert said(path) == "output 'y' is a sequence, not a tensor. Export a scikit-learn classifier with zipmap off"
    assert said(str(tmp_path / "none")) == "cannot be read: No such file or directory"
    for index, content in enumerate((b"", b"hello, I am no model", b"\x3a\xff\xff\xff\xff\x0f", b"\x00" * 64)):
        (tmp_path / f"c{index}").write_bytes(content)
        assert said(str(tmp_path / f"c{index}")) == "is no ONNX model. Export the model as one .onnx file"


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.ones((64, 64), "f4"), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    path = save(
        tmp_path / "m.onnx", [node], [value("x", 1, ("N", 64))], [value("y", 1, ("N", 64))], [weight],
        save_as_external_data=True, location="weights.bin", size_threshold=0,
    )  # fmt: skip
    assert said(path) == "keeps its weights in another file. Save the model with its weights in one file"


@given(st.binary(max_size=80), st.integers(0, 400))
def test_any_file_is_described_or_refused(tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.onnx"
    whole = Path(identity(path, TensorProto.FLOAT, ("N", 4), ("N", 4))).read_bytes()
    path.write_bytes(whole[:at] + junk + whole[at + len(junk) :])
    try:
        assert describe(str(path)).outputs
    except LongspanError as error:
        assert len(str(error)) < 500  # noqa: PT017 - either outcome is right; any other exception is the failure


def test_a_model_answers_alike_fresh_and_from_its_cached_graph(tmp_path: Path) -> None:
    path, graphs = tiny(tmp_path / "m.onnx"), tmp_path / "graphs"
    model = work(describe(path))
    x = np.random.default_rng(1).normal(size=(5, 16)).astype("f4")
    fresh = load(model, path, str(graphs)).function({"x": x})["probs"]
    assert [file.name for file in graphs.iterdir()] == [graph_name(model.digest)]
    cached = load(model, path, str(graphs)).function({"x": x})["probs"]
    plain = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    assert np.array_equal(fresh, cached)
    assert np.allclose(fresh, plain, atol=1e-6)


def test_the_cached_graph_is_what_is_loaded(tmp_path: Path) -> None:
    path, graphs = tiny(tmp_path / "m.onnx"), str(tmp_path / "graphs")
    model = work(describe(path))
    load(model, path, graphs)
    os.unlink(path)
    load(model, path, graphs)


@pytest.mark.parametrize("content", [b"", b"broken", b"\x08\x0a" * 40])
def test_a_broken_graph_is_made_again(content: bytes, tmp_path: Path) -> None:
    path, graphs = tiny(tmp_path / "m.onnx"), tmp_path / "graphs"
    model = work(describe(path))
    load(model, path, str(graphs))
    (graph,) = graphs.iterdir()
    whole = graph.read_bytes()
    graph.write_bytes(content)
    assert load(model, path, str(graphs)).function({"x": np.zeros((1, 16), "f4")})["probs"].shape == (1, 3)
    assert [file.read_bytes() for file in graphs.iterdir()] == [whole]


def test_a_graph_that_cannot_be_kept_does_not_stop_serving(tmp_path: Path) -> None:
    path = tiny(tmp_path / "m.onnx")
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    runnable = load(work(describe(path)), path, str(blocked / "graphs"))
    assert runnable.function({"x": np.zeros((2, 16), "f4")})["probs"].shape == (2, 3)


def test_a_file_that_onnxruntime_cannot_load_says_so_without_its_path(tmp_path: Path) -> None:
    node = helper.make_node("NoSuchOperator", ["x"], ["y"])
    path = save(tmp_path / "m.onnx", [node], [value("x", 1, ("N",))], [value("y", 1, ("N",))])
    signature = Signature({"x": TensorType("FP32", ("batch",))}, {"y": TensorType("FP32", ("batch",))})
    with pytest.raises(
        LongspanError, match="model 'tiny': cannot be loaded by onnxruntime: .*NoSuchOperator"
    ) as caught:
        load(work(signature), path, str(tmp_path / "graphs"))
    assert str(tmp_path) not in str(caught.value)
    assert not list((tmp_path / "graphs").iterdir())


def test_a_model_that_fails_is_a_500_that_names_it(tmp_path: Path) -> None:
    node = helper.make_node("Reshape", ["x", "to"], ["y"])
    to = numpy_helper.from_array(np.array([2, 2], "i8"), "to")
    path = save(tmp_path / "m.onnx", [node], [value("x", 1, ("N",))], [value("y", 1, (2, 2))], [to])
    function = load(work(describe(path)), path, str(tmp_path / "graphs")).function
    assert function({"x": np.zeros(4, "f4")})["y"].shape == (2, 2)
    with pytest.raises(RequestError, match="model 'tiny' failed: .*Reshape") as caught:
        function({"x": np.zeros(5, "f4")})
    assert caught.value.status == 500
    assert caught.value.__cause__ is not None
    assert "/" not in caught.value.problem.partition("failed")[2]


def test_bytes_that_are_no_text_are_the_clients_for_a_model_that_takes_text(tmp_path: Path) -> None:
    path = identity(tmp_path / "m.onnx", TensorProto.STRING, ("N",), ("N",))
    function = load(work(describe(path)), path, str(tmp_path / "graphs")).function
    with pytest.raises(RequestError, match="input 'x' of model 'tiny' takes text") as caught:
        function({"x": np.array([b"\xff"], object)})
    assert caught.value.status == 400


def test_read_only_and_writable_inputs_run_alike(tmp_path: Path) -> None:
    path = tiny(tmp_path / "m.onnx")
    function = load(work(describe(path)), path, str(tmp_path / "graphs")).function
    x = np.arange(32, dtype="f4").reshape(2, 16)
    view = np.frombuffer(x.tobytes(), "f4").reshape(2, 16)
    assert np.array_equal(function({"x": x})["probs"], function({"x": view})["probs"])
    assert np.array_equal(function({"x": x[1:]})["probs"], function({"x": x[1:].copy()})["probs"])


def test_nothing_is_written_to_the_home_and_nothing_is_said(tmp_path: Path) -> None:
    path = tiny(tmp_path / "m.onnx")
    home = tmp_path / "home"
    home.mkdir()
    child = (
        "import sys, numpy\n"
        "from longspan.serving.runtimes.onnx import describe, load\n"
        "from tests.serving.runtimes.models import work\n"
        "model = load(work(describe(sys.argv[1])), sys.argv[1], sys.argv[2])\n"
        "model.function({'x': numpy.zeros((1, 16), 'f4')})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", child, path, str(tmp_path / "graphs")],
        env={"HOME": str(home), "PATH": "", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"", b"")
    assert list(home.iterdir()) == []


def test_a_large_model_is_described_without_onnxruntime(tmp_path: Path) -> None:
    child = (
        "import sys\n"
        "from longspan.serving.runtimes.onnx import describe, file\n"
        "file.LOADED_BYTES = 1000\n"
        "describe(sys.argv[1]); sys.exit('onnxruntime' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", child, tiny(tmp_path / "m.onnx")], check=True)


def test_a_model_as_a_real_package_ships_it_is_described() -> None:
    magika = pytest.importorskip("magika", reason="the demo's model comes with an extra")
    path = Path(magika.__file__).parent / "models" / "standard_v3_3" / "model.onnx"
    assert describe(str(path)) == Signature(
        {"bytes": TensorType("INT32", ("batch", 2048))}, {"target_label": TensorType("FP32", ("batch", 214))}
    )
    assert onnx.load(path).graph.input[0].name == "bytes"
