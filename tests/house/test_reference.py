"""Does docs/reference/ say what the code says, and does it say all of it?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from longspan.cli.main import HOMES

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
CODE = {path: path.read_text() for path in (ROOT / "src" / "longspan").rglob("*.py")}


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_pages_are_what_the_code_says() -> None:
    answer = run(sys.executable, "scripts/reference.py", "--check")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_metric_has_its_line() -> None:
    named = {name for text in CODE.values() for name in re.findall(r"\bMetric\(\s*\"([a-z0-9_]+)\"", text)}
    page = (REFERENCE / "metrics.md").read_text()
    assert len(named) > 20
    assert not {name for name in named if f"| `{name}` |" not in page}


def test_every_error_has_its_line() -> None:
    base = r"LongspanError|Invalid|Refused|Missing|Unreachable|RequestError"
    named = {name for text in CODE.values() for name in re.findall(rf"^class (\w+)\((?:{base})\)", text, re.MULTILINE)}
    page = (REFERENCE / "errors.md").read_text()
    assert len(named) > 4
    assert not {name for name in named if f"| `{name}` |" not in page}


def test_every_setting_is_described() -> None:
    rows = re.findall(r"^\| `\w+` \|.*\| (.*) \|$", (REFERENCE / "settings.md").read_text(), re.MULTILINE)
    assert len(rows) > 20
    assert all(len(text) > 10 for text in rows), "a field without a docstring"


def test_every_option_of_a_command_is_described() -> None:
    page = (REFERENCE / "commands.md").read_text()
    assert not re.findall(r"^\| (`[^`]+`) \|\s*\|$", page, re.MULTILINE)


@pytest.mark.parametrize("command", HOMES)
def test_every_command_gives_an_example(command: str) -> None:
    page = (REFERENCE / "commands.md").read_text()
    section = re.search(rf"^## `longspan {command}`$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert section is not None
    assert re.search(rf"^Example: `.*longspan .*{command}", section[1], re.MULTILINE)
