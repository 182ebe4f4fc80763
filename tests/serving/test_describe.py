"""``python -m longspan.serving describe``: a child that says what models and steps take and give."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from longspan.base.signatures import Signature, TensorType
from longspan.wire.orders import Described, DescribeOrders, PartialSignature
from tests.serving.runtimes.models import tiny

STEPS = """
import os, sys
print("noise from a module")
os.write(1, b"noise from below")

def prepare(content: bytes) -> str:
    raise AssertionError("no step runs while it is described")

class Namer:
    def __init__(self, path: str):
        raise AssertionError("nor is a class made")
    def __call__(self, scores): ...
"""


def run(tmp_path: Path, orders: DescribeOrders) -> subprocess.CompletedProcess[bytes]:
    path = tmp_path / "orders.json"
    path.write_bytes(msgspec.json.encode(orders))
    return subprocess.run(
        [sys.executable, "-m", "longspan.serving", "describe", str(path)],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    )


def test_models_and_steps_are_described_and_each_mistake_stands_by_itself(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "steps.py").write_text(STEPS)
    (code / "broken.py").write_text("\n\nimport nosuchpackage\n")
    (tmp_path / "not.onnx").write_text("no model")
    done = run(
        tmp_path,
        DescribeOrders(
            code_path="code",
            models={"tiny": tiny(tmp_path / "tiny.onnx"), "not": "not.onnx"},
            runs={"hello.prepare": "steps:prepare", "hello.name": "steps:Namer", "hello.broken": "broken:f"},
        ),
    )
    assert msgspec.json.decode(done.stdout, type=Described) == Described(
        models={
            "tiny": Signature({"x": TensorType("FP32", ("batch", 16))}, {"probs": TensorType("FP32", ("batch", 3))})
        },
        runs={
            "hello.prepare": PartialSignature(
                inputs={"content": TensorType("BYTES", (1,))},
                outputs={"result": TensorType("BYTES", (1,), "text")},
                call="sync",
            ),
            "hello.name": PartialSignature(inputs={"scores": None}, outputs=None, call="sync", settings={"path": True}),
        },
        errors={
            "model:not": "is no ONNX model. Export the model as one .onnx file",
            "run:hello.broken": "broken:f: importing 'broken' failed: "
            "ModuleNotFoundError: No module named 'nosuchpackage' (broken.py:3)",
        },
    )
    assert b"noise from a module" in done.stderr
    assert b"noise from below" in done.stderr


def test_a_module_that_takes_too_much_memory_is_an_error_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "hungry.py").write_text("content = bytearray(1 << 40)\n")
    done = run(tmp_path, DescribeOrders(code_path=str(tmp_path), models={}, runs={"a.b": "hungry:f"}))
    described = msgspec.json.decode(done.stdout, type=Described)
    assert described.errors == {"run:a.b": "hungry:f: importing 'hungry' failed: MemoryError (hungry.py:1)"}


def test_modules_are_not_compiled_into_the_users_folder(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text("def f(x: bytes) -> bytes: ...\n")
    run(tmp_path, DescribeOrders(code_path=str(tmp_path), models={}, runs={"a.b": "steps:f"}))
    assert not (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize("content", ["", "{}", "[1]"])
def test_orders_that_cannot_be_read_are_said(content: str, tmp_path: Path) -> None:
    (tmp_path / "orders.json").write_text(content)
    done = subprocess.run(
        [sys.executable, "-m", "longspan.serving", "describe", "orders.json"],
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"orders.json: cannot be read" in done.stderr
    assert os.listdir(tmp_path) == ["orders.json"]
