"""ONNX models by onnxruntime: `describe` reads the file, `load` makes a session."""

from longspan.serving.runtimes import Runnable
from longspan.serving.runtimes.onnx.file import describe
from longspan.wire.orders import ModelWork

__all__ = ["describe", "load"]


def load(model: ModelWork, path: str, graphs_folder: str) -> Runnable:
    """See `session.load`. onnxruntime is imported only here: describing does not need it."""
    from longspan.serving.runtimes.onnx import session

    return session.load(model, path, graphs_folder)
