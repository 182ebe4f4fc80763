"""The two Python steps around the model: what it should look at, and what its scores mean.

The model reads the first and the last 1,024 bytes of a file, white space at either end left out, and
gives one score for each of 214 kinds. How many bytes, which kinds and which scores are high enough is
told by the files that ship beside the model; nothing of the package's own code runs here.
"""

from __future__ import annotations

import json
from importlib.metadata import distribution
from pathlib import Path
from typing import Annotated, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from longspan import Json, Shape


def _read(path: str) -> Any:
    """A JSON file of the installed package. (Asking for it through an import would load the whole package.)"""
    return json.loads(Path(str(distribution("magika").locate_file(path))).read_bytes())


MODEL = _read("magika/models/standard_v3_3/config.min.json")
KINDS = _read("magika/config/content_types_kb.min.json")

HEAD, TAIL, BLOCK = MODEL["beg_size"], MODEL["end_size"], MODEL["block_size"]
PADDING, LEAST = MODEL["padding_token"], MODEL["min_file_size_for_dl"]
LABELS, THRESHOLDS, RENAMED = MODEL["target_labels_space"], MODEL["thresholds"], MODEL["overwrite_map"]


class Prepared(TypedDict):
    """What `prepare` gives on: the model's input, and a label for what needs no model."""

    bytes: Annotated[NDArray[np.int32], Shape("batch", 2048)]
    shortcut: str


def prepare(content: bytes) -> Prepared:
    """The first and last bytes of a file as numbers; 256 stands where there is none.

    Too little to go by is known without the model: `shortcut` then holds the label, else it is empty.
    """
    head = content[:BLOCK].lstrip()
    tail = content[-BLOCK:].rstrip()
    numbers = np.full((1, HEAD + TAIL), PADDING, np.int32)
    first, last = head[:HEAD], tail[-TAIL:]
    numbers[0, : len(first)] = np.frombuffer(first, np.uint8)
    numbers[0, HEAD + TAIL - len(last) :] = np.frombuffer(last, np.uint8)
    shortcut = ""
    if not content:
        shortcut = "empty"
    elif len(content) < LEAST or len(head) < LEAST:
        shortcut = "txt" if _is_utf8(content[:BLOCK]) else "unknown"
    return {"bytes": numbers, "shortcut": shortcut}


def name(target_label: Annotated[NDArray[np.float32], Shape("batch", 214)], shortcut: str) -> Json:
    """The kind with the highest score, if that is high enough; else just text, or unknown."""
    if shortcut:
        return _answer(shortcut, 1.0)
    best = int(target_label[0].argmax())
    score, guess = float(target_label[0, best]), LABELS[best]
    label = RENAMED.get(guess, guess)
    if score < THRESHOLDS.get(guess, MODEL["medium_confidence_threshold"]):
        # Even an unsure model can tell text from binary.
        label = "txt" if KINDS[label]["is_text"] else "unknown"
    return _answer(label, score)


def _answer(label: str, score: float) -> dict[str, Any]:
    kind = KINDS[label]
    mime = kind["mime_type"] or ("text/plain" if kind["is_text"] else "application/octet-stream")
    return {"label": label, "mime": mime, "group": kind["group"] or "unknown", "score": round(score, 4)}


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
