"""ONNX models by onnxruntime: `describe` reads the file, `load` makes a session."""

from longspan.serving.runtimes.onnx.file import describe
from longspan.serving.runtimes.onnx.session import load

__all__ = ["describe", "load"]
