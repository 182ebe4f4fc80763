"""Is every room where a newcomer would look for it, and does it say what it is?"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "longspan"
CAPABILITIES = SOURCE / "capabilities"
LONG_FILES = ROOT / "docs" / "design" / "long-files.md"

FILES_OF_A_CAPABILITY = {"decide", "run", "adapters", "api", "page", "cli"}
NAMES_THAT_SAY_NOTHING = {"util", "utils", "helper", "helpers", "misc", "tools", "stuff"}
LINES = 300

PACKAGES = sorted({path.parent for path in SOURCE.rglob("*.py")} - {SOURCE / "cli" / "starter"})
PACKAGES = [path for path in PACKAGES if path != SOURCE / "system" / "migrations" / "versions"]


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python_files() -> list[Path]:
    return sorted(path for room in ("src", "tests", "benchmarks", "scripts") for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("capability", sorted(p for p in CAPABILITIES.iterdir() if p.is_dir() and p.name[0] != "_"))
def test_a_capability_has_only_the_six_files_or_folders_of_these_names(capability: Path) -> None:
    names = {path.stem for path in capability.iterdir() if path.stem not in ("__init__", "__pycache__")}
    assert names <= FILES_OF_A_CAPABILITY


@pytest.mark.parametrize("package", PACKAGES, ids=shown)
def test_a_package_says_what_it_owns(package: Path) -> None:
    door = package / "__init__.py"
    assert door.exists(), f"{shown(package)} has no __init__.py"
    assert len(ast.get_docstring(ast.parse(door.read_text())) or "") > 30


def test_no_module_is_named_after_nothing() -> None:
    assert not [shown(path) for path in python_files() if path.stem in NAMES_THAT_SAY_NOTHING]


def test_a_file_of_over_300_lines_has_a_reason_that_still_holds() -> None:
    reasons = dict(re.findall(r"^\| `([^`]+)` \| ([^|]{20,}) \|$", LONG_FILES.read_text(), re.MULTILINE))
    long = {shown(path) for path in python_files() if len(path.read_text().splitlines()) > LINES}
    assert set(reasons) == long, f"{shown(LONG_FILES)} lists what is longer than {LINES} lines, and why; no more"
