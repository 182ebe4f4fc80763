"""Do the steps of examples/file-type answer as the package `magika` itself does? The package is the oracle."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import onnxruntime
import pytest
from magika import Magika
from magika.types import MagikaPrediction, OverwriteReason

from benchmarks.files import real_files

EXAMPLE = Path(__file__).parents[2] / "examples" / "file-type"

EMPTY = b""
TINY = (b"a", b"\xff", b"abc", b"abc\xc3", b"1234567", b"\x00\x01\x02\x03\x04\x05\x06")
WHITE = (
    b" ",
    b"    \n\t  ",
    b" " * 5_000,
    b"\r\n" * 9_000,
    b"\n" * 9_000 + b"late",
    b"   1234567   ",
    b"\t\xff\t\t\t\t\t\t\t",
)
CUT_LETTERS = (b" " * 4_095 + "é".encode() * 10, "é".encode() * 5_000, b" " * 9 + "é".encode() * 3)
JUST_ENOUGH = (b"12345678", b"   12345678   ", b"x" * 1_023, b"x" * 1_024, b"y" * 1_025, b"z" * 4_096, b"z" * 4_097)
NOISE = tuple(random.Random(seed).randbytes(size) for seed, size in enumerate((8, 20, 100, 3_000, 10_000, 2_000_000)))
ODD = (EMPTY, *TINY, *WHITE, *CUT_LETTERS, *JUST_ENOUGH, *NOISE)

Ask = Callable[[bytes], dict[str, Any]]
Answers = dict[str, tuple[dict[str, Any], MagikaPrediction]]


@pytest.fixture(scope="module")
def steps() -> ModuleType:
    spec = importlib.util.spec_from_file_location("file_type_steps", EXAMPLE / "steps.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ask(steps: ModuleType) -> Ask:
    """The three steps as plain calls, around the same model."""
    model = distribution("magika").locate_file("magika/models/standard_v3_3/model.onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options)

    def chain(content: bytes) -> dict[str, Any]:
        prepared = steps.prepare(content)
        (scores,) = session.run(["target_label"], {"bytes": prepared["bytes"]})
        answer: dict[str, Any] = steps.name(scores, prepared["shortcut"])
        return answer

    return chain


@pytest.fixture(scope="module")
def oracle() -> Magika:
    return Magika()


@pytest.fixture(scope="module")
def answers(ask: Ask, oracle: Magika) -> Answers:
    """What both say of many real files of this machine."""
    found = {}
    for path in real_files(240, each=8):
        content = path.read_bytes()
        found[str(path)] = ask(content), oracle.identify_bytes(content).prediction
    return found


def said(prediction: MagikaPrediction) -> dict[str, Any]:
    kind = prediction.output
    return {"label": str(kind.label), "mime": kind.mime_type, "group": kind.group, "score": round(prediction.score, 4)}


def test_real_files_of_at_least_twenty_kinds_get_the_answers_of_magika(answers: Answers) -> None:
    told = {path: (ours, said(prediction)) for path, (ours, prediction) in answers.items()}
    assert not {path: both for path, both in told.items() if not same(*both)}
    assert len(answers) >= 200
    assert len({ours["label"] for ours, _ in answers.values()} - {"txt", "unknown"}) >= 20


@pytest.mark.parametrize("content", ODD, ids=lambda content: f"{content[:12]!r}")
def test_odd_contents_get_the_answers_of_magika(ask: Ask, oracle: Magika, content: bytes) -> None:
    assert same(ask(content), said(oracle.identify_bytes(content).prediction))


def test_where_magika_is_unsure_so_are_we(answers: Answers) -> None:
    unsure = [
        ours["label"]
        for ours, prediction in answers.values()
        if prediction.overwrite_reason == OverwriteReason.LOW_CONFIDENCE
    ]
    assert len(unsure) >= 5
    assert set(unsure) <= {"txt", "unknown"}


def test_nothing_to_go_by_is_answered_without_a_look_at_the_scores(steps: ModuleType) -> None:
    assert steps.prepare(b"")["shortcut"] == "empty"
    assert steps.prepare(b"  \n ")["shortcut"] == "txt"
    assert steps.prepare(b"\xff\xfe")["shortcut"] == "unknown"
    assert steps.prepare(b"#!/bin/sh\n")["shortcut"] == ""


def same(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """All alike; scores to one unit of their last shown place, where rounding may fall either way."""
    near = abs(ours["score"] - theirs["score"]) < 1.5e-4
    return near and {**ours, "score": 0} == {**theirs, "score": 0}
