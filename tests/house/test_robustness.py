"""Does each row of docs/robustness.md have its test?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "robustness.md"
ROW = re.compile(r"^\| (?!---)(.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`((?:[\w./-]+)\.py)::(\w+)`")
HEADS = ("what arrives", "what happens", "what comes")


def rows() -> list[str]:
    return [row for row in ROW.findall(PAGE.read_text()) if not row.startswith(HEADS)]


def test_there_are_rows() -> None:
    assert rows()


@pytest.mark.parametrize("row", rows())
def test_each_row_names_a_test_that_exists(row: str) -> None:
    named = NAMED.findall(row.rpartition(" | ")[2])
    assert named, f"names no test as `folder/file.py::test_name`: {row}"
    for file, test in named:
        path = ROOT / "tests" / file
        assert path.exists(), f"tests/{file} does not exist"
        assert re.search(rf"^(?:async )?def {test}\b", path.read_text(), re.MULTILINE), f"{file} has no {test}"
