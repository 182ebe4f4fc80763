"""The steps of examples/read-text as plain calls in one process: what the service is measured against.

Rows are padded and put together as the service does it: to the next multiple of what the file says under ``pad:``,
rows of one size in one run.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections import Counter, defaultdict
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

EXAMPLE = Path(__file__).parents[1] / "examples" / "read-text"
WIDTH = 32
"""What ``pad:`` says in the file."""
STEPS = ("prepare", "detect", "cut", "recognise", "assemble")

Rows = list[NDArray[np.float32]]


class TextLoop:
    """The steps and both models, each on one thread. `nanoseconds`: CPU time by step, of all that was read."""

    def __init__(self) -> None:
        onnxruntime.disable_telemetry_events()
        self.steps = load_steps()
        self.letters = self.steps.Letters()
        self.detect, self.recognise = _session("det"), _session("rec")
        self.nanoseconds: Counter[str] = Counter()

    def read(self, content: bytes) -> dict[str, Any]:
        """What the service answers. Raises `longspan.RequestError`."""
        times = [time.process_time_ns()]
        prepared = self.steps.prepare(content)
        times.append(time.process_time_ns())
        (probability,) = self.detect.run(None, {"x": prepared["x"]})
        times.append(time.process_time_ns())
        cut = self.steps.cut(probability, prepared["picture"], prepared["size"])
        times.append(time.process_time_ns())
        text, confidence = self.recognised(cut["crops"])
        times.append(time.process_time_ns())
        answer: dict[str, Any] = self.steps.assemble(text, confidence, cut["boxes"], cut["turns"])
        times.append(time.process_time_ns())
        for step, (begun, ended) in zip(STEPS, pairwise(times), strict=True):
            self.nanoseconds[step] += ended - begun
        return answer

    def recognised(self, crops: Rows) -> tuple[list[str], NDArray[np.float32]]:
        """Text and confidence of each crop, in order."""
        buckets: dict[int, list[int]] = defaultdict(list)
        for row, crop in enumerate(crops):
            buckets[-(-crop.shape[2] // WIDTH) * WIDTH].append(row)
        text, confidence = [""] * len(crops), np.zeros(len(crops), np.float32)
        for width, rows in buckets.items():
            x = np.zeros((len(rows), 3, 48, width), np.float32)
            for place, row in enumerate(rows):
                x[place, :, :, : crops[row].shape[2]] = crops[row]
            (scores,) = self.recognise.run(None, {"x": x})
            read = self.letters(scores)
            for place, row in enumerate(rows):
                text[row], confidence[row] = read["text"][place], read["confidence"][place]
        return text, confidence


def load_steps() -> ModuleType:
    """The example's steps, under a name of their own: another example has a ``steps.py`` too."""
    if str(EXAMPLE) not in sys.path:
        sys.path.append(str(EXAMPLE))  # for the modules beside it
    spec = importlib.util.spec_from_file_location("read_text_steps", EXAMPLE / "steps.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _session(kind: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    path = distribution("rapidocr").locate_file(f"rapidocr/models/PP-OCRv6_{kind}_small.onnx")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
