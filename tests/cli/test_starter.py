"""Is what `init` writes a working system, the same as examples/hello, and made by the script beside it?"""

from __future__ import annotations

import csv
import filecmp
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest

from longspan.cli.init import STARTER
from tests.cli.command import longspan

ROOT = Path(__file__).parents[2]
HERE = ROOT / "src" / "longspan" / "cli" / "starter"
EXAMPLE = ROOT / "examples" / "hello"


@pytest.fixture(scope="module")
def steps() -> ModuleType:
    spec = importlib.util.spec_from_file_location("starter_steps", HERE / "steps.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_init_writes_the_starter_where_it_is_told_to(tmp_path: Path) -> None:
    answer = longspan("init", "new/hello", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "cd new/hello" in answer.stdout
    _, differ, wrong = filecmp.cmpfiles(HERE, tmp_path / "new" / "hello", STARTER, shallow=False)
    assert (differ, wrong) == ([], [])


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text("mine")
    answer = longspan("init", cwd=tmp_path)
    assert answer.returncode == 1
    assert answer.stderr.startswith("error: .: holds steps.py already. Nothing has been written")
    assert [path.name for path in tmp_path.iterdir()] == ["steps.py"]


def test_a_file_is_no_folder_to_begin_in(tmp_path: Path) -> None:
    (tmp_path / "hello").touch()
    assert longspan("init", "hello", cwd=tmp_path).stderr == "error: hello: is no folder\n"


def test_the_list_of_starter_files_is_whole_and_the_example_equals_it() -> None:
    assert {path.name for path in HERE.iterdir() if path.is_file()} == set(STARTER)
    assert {path.name for path in EXAMPLE.iterdir() if path.is_file()} == set(STARTER)
    _, differ, wrong = filecmp.cmpfiles(HERE, EXAMPLE, STARTER, shallow=False)
    assert (differ, wrong) == ([], [])


def test_the_starter_passes_its_own_check(tmp_path: Path) -> None:
    shutil.copytree(HERE, tmp_path / "hello")
    answer = longspan("check", cwd=tmp_path / "hello")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[1].split() == [
        "flower",
        "read",
        "flower",
        "content",
        "JSON[1]",
        "flower",
        "FP32[batch,",
        "4]",
    ]


def test_the_model_is_small_and_its_script_makes_it_again_byte_by_byte(tmp_path: Path) -> None:
    for name in ("make_model.py", "iris.csv"):
        shutil.copy(HERE / name, tmp_path)
    subprocess.run([sys.executable, tmp_path / "make_model.py"], check=True, timeout=60, stdout=subprocess.DEVNULL)
    made = (tmp_path / "iris.onnx").read_bytes()
    assert made == (HERE / "iris.onnx").read_bytes()
    assert len(made) < 20_000


def test_the_model_names_the_irises_it_learned_from(steps: ModuleType) -> None:
    session = onnxruntime.InferenceSession(HERE / "iris.onnx", providers=["CPUExecutionProvider"])
    with (HERE / "iris.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    flowers = np.concatenate([steps.read([float(length) for length in row[:4]])["flower"] for row in rows])
    species, probabilities = session.run(["species", "probabilities"], {"flower": flowers})
    assert sum(named == row[4] for named, row in zip(species, rows, strict=True)) == 147
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_the_step_takes_four_lengths_by_order_or_by_name(steps: ModuleType) -> None:
    named = {"petal_width": 0.2, "petal_length": 1.4, "sepal_width": 3.5, "sepal_length": 5.1}
    for content in ([5.1, 3.5, 1.4, 0.2], named):
        flower = steps.read(content)["flower"]
        assert (flower.shape, flower.dtype) == ((1, 4), np.float32)
        np.testing.assert_allclose(flower[0], [5.1, 3.5, 1.4, 0.2], rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([1, 2, 3], "a list of four numbers: sepal_length"),
        ("5.1", "a list of four numbers"),
        (None, "a list of four numbers"),
        ({"sepal_length": 5.1}, "missing: sepal_width, petal_length, petal_width"),
        ([1, 2, 3, "4"], "a number of centimetres"),
        ([1, 2, 3, -4], "from 0 to 100"),
    ],
)
def test_the_step_says_what_it_expected(steps: ModuleType, content: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        steps.read(content)
