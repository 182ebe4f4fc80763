"""ONNX models by onnxruntime. Stub: signatures first, bodies follow."""

from __future__ import annotations

from longspan.base.signatures import Signature
from longspan.serving.runtimes import Runnable
from longspan.wire.orders import ModelWork


def describe(path: str) -> Signature:
    """Inputs and outputs of the model file, read without making a session. Raises `LongspanError`."""
    raise NotImplementedError


def load(model: ModelWork, path: str, graphs_folder: str) -> Runnable:
    """A session ready to run. Raises `LongspanError` when the file is no model that onnxruntime can run."""
    raise NotImplementedError
