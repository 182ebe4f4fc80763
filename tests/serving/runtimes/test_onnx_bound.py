"""The short way of one row: the same answers as the ordinary way, whoever else is running."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from longspan.base.signatures import Signature, TensorType
from longspan.serving.runtimes import onnx
from longspan.serving.runtimes.onnx.bound import bind
from tests.serving.runtimes import models


def session(path: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def ordinary(inputs: dict[str, Any]) -> dict[str, Any]:
    """Stands for the ordinary way, and shows that it was taken."""
    return {"taken": len(inputs["x"])}


def test_one_row_is_answered_as_the_session_answers_it(tmp_path: Path) -> None:
    path = models.tiny(tmp_path / "m.onnx")
    plain = session(path)
    function = bind(plain, onnx.describe(path), None, ordinary)
    first = np.random.default_rng(1).normal(size=(1, 16)).astype("f4")
    answer = function({"x": first})
    kept = answer["probs"].copy()
    np.testing.assert_allclose(kept, plain.run(None, {"x": first})[0], rtol=1e-6)
    function({"x": first + 1})
    np.testing.assert_array_equal(answer["probs"], kept, err_msg="a later run must not change an earlier answer")


def test_another_number_of_rows_goes_the_ordinary_way(tmp_path: Path) -> None:
    path = models.tiny(tmp_path / "m.onnx")
    function = bind(session(path), onnx.describe(path), None, ordinary)
    for rows in (0, 2, 5):
        assert function({"x": np.zeros((rows, 16), "f4")}) == {"taken": rows}
    assert set(function({"x": np.zeros((1, 16), "f4")})) == {"probs"}, "the memory is free again"


def test_what_fails_goes_the_ordinary_way_too(tmp_path: Path) -> None:
    node = helper.make_node("Gather", ["table", "x"], ["y"])
    table = helper.make_tensor("table", TensorProto.FLOAT, (2,), (0.5, 1.5))
    inputs = [models.value("x", TensorProto.INT64, ("N", 1))]
    outputs = [models.value("y", TensorProto.FLOAT, ("N", 1))]
    path = models.save(tmp_path / "m.onnx", [node], inputs, outputs, [table])
    function = bind(session(path), onnx.describe(path), None, ordinary)
    assert function({"x": np.array([[1]])})["y"] == 1.5
    assert function({"x": np.array([[7]])}) == {"taken": 1}
    assert function({"x": np.array([[0]])})["y"] == 0.5


def test_threads_that_run_at_once_get_their_own_answers(tmp_path: Path) -> None:
    path = models.tiny(tmp_path / "m.onnx")
    model = models.work(onnx.describe(path))
    function = onnx.load(model, path, str(tmp_path / "graphs")).function
    plain = session(path)
    rows = np.random.default_rng(2).normal(size=(200, 1, 16)).astype("f4")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda row: function({"x": row})["probs"], rows))
    for row, answer in zip(rows, answers, strict=True):
        np.testing.assert_allclose(answer, plain.run(None, {"x": row})[0], rtol=1e-5)


@pytest.mark.parametrize("shape", [("N", "M"), (3,), ("N", 100_000)])
def test_only_few_numbers_of_fixed_size_are_bound(shape: tuple[int | str, ...], tmp_path: Path) -> None:
    path = models.identity(tmp_path / "m.onnx", TensorProto.FLOAT, shape, shape)
    assert bind(session(path), onnx.describe(path), None, ordinary) is ordinary


def test_text_is_not_bound(tmp_path: Path) -> None:
    path = models.identity(tmp_path / "m.onnx", TensorProto.STRING, ("N", 1), ("N", 1))
    assert bind(session(path), onnx.describe(path), None, ordinary) is ordinary


def test_a_model_that_gives_another_size_than_was_said_is_not_bound(tmp_path: Path) -> None:
    node = helper.make_node("Concat", ["x", "x"], ["y"], axis=0)
    inputs = [models.value("x", TensorProto.FLOAT, ("N", 2))]
    path = models.save(tmp_path / "m.onnx", [node], inputs, [models.value("y", TensorProto.FLOAT, ("M", 2))])
    said = Signature({"x": TensorType("FP32", ("batch", 2))}, {"y": TensorType("FP32", ("batch", 2))})
    assert bind(session(path), said, None, ordinary) is ordinary
