"""Make iris.onnx from iris.csv: which of three species is a flower of these four lengths?

Softmax regression on the 150 irises that Edgar Anderson measured (R. A. Fisher, "The use of multiple
measurements in taxonomic problems", 1936). To make it again: pip install onnx && python make_model.py
"""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

HERE = Path(__file__).parent


def main() -> None:
    lengths, species, names = measurements(HERE / "iris.csv")
    weights, bias = fit(lengths, species)
    right = ((lengths @ weights + bias).argmax(axis=1) == species).mean()
    content = model(weights, bias, names).SerializeToString(deterministic=True)
    (HERE / "iris.onnx").write_bytes(content)
    print(f"iris.onnx: {len(content)} bytes, {right:.1%} of the {len(species)} flowers it learned from are right")


def measurements(path: Path) -> tuple[Any, Any, list[str]]:
    """Lengths [150, 4] in cm, the species of each as a number [150], and the names of the numbers."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    names = sorted({row[4] for row in rows})
    return np.array([row[:4] for row in rows], float), np.array([names.index(row[4]) for row in rows]), names


def fit(lengths: Any, species: Any) -> tuple[Any, Any]:
    """Weights [4, 3] and bias [3] by plain gradient descent, on lengths scaled to mean 0 and deviation 1."""
    mean, deviation = lengths.mean(axis=0), lengths.std(axis=0)
    scaled = (lengths - mean) / deviation
    truth = np.eye(3)[species]
    weights, bias = np.zeros((4, 3)), np.zeros(3)
    for _ in range(3000):
        scores = scaled @ weights + bias
        guess = np.exp(scores - scores.max(axis=1, keepdims=True))
        guess /= guess.sum(axis=1, keepdims=True)
        error = (guess - truth) / len(species)
        weights -= 0.5 * (scaled.T @ error + 1e-3 * weights)
        bias -= 0.5 * error.sum(axis=0)
    weights = weights / deviation[:, None]
    # Rounded, so that every machine makes the same file.
    return weights.round(4), (bias - mean @ weights).round(4)


def model(weights: Any, bias: Any, names: list[str]) -> Any:
    """The ONNX model: input `flower`, outputs `species` and `probabilities`. Its free dimension is `batch`."""
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["flower", "weights", "bias"], ["scores"]),
            helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["scores"], ["best"], axis=1, keepdims=0),
            helper.make_node("Gather", ["names", "best"], ["species"]),
        ],
        "iris",
        [helper.make_tensor_value_info("flower", TensorProto.FLOAT, ["batch", 4])],
        [
            helper.make_tensor_value_info("species", TensorProto.STRING, ["batch"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3]),
        ],
        [
            numpy_helper.from_array(weights.astype(np.float32), "weights"),
            numpy_helper.from_array(bias.astype(np.float32), "bias"),
            numpy_helper.from_array(np.array(names, dtype=object), "names"),
        ],
    )
    made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    checker.check_model(made, full_check=True)
    return made


if __name__ == "__main__":
    main()
