"""Can a capability be taken out of the house like a room, by its folder, its section and a few lines?

Done with scaling, in a copy: after that the rest imports, keeps its contracts, checks and serves its commands.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MENTION = re.compile("scaling|Scaler", re.IGNORECASE)
FOLDERS = ("capabilities/scaling", "spec/scaling.py")
"""All that is scaling's alone."""
FILES = ("control/*.py", "cli/main.py", "spec/services.py", "spec/steps.py", "spec/units.py", "spec/system.py")
"""Where a line may mention it; each such line goes."""
MOST_LINES = 30


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The house without scaling."""
    root = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copytree(ROOT / "examples" / "hello", root / "hello", ignore=shutil.ignore_patterns(".longspan"))
    shutil.copy(ROOT / "pyproject.toml", root)
    source = root / "src" / "longspan"
    for name in FOLDERS:
        path = source / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    gone = []
    for path in (path for pattern in FILES for path in sorted(source.glob(pattern))):
        lines = path.read_text().splitlines(keepends=True)
        gone += [f"{path.relative_to(source)}: {line.strip()}" for line in lines if MENTION.search(line)]
        path.write_text("".join(line for line in lines if not MENTION.search(line)))
    assert 5 < len(gone) <= MOST_LINES, "\n".join(gone)
    return root


def run(house: Path, *command: str, folder: str = ".") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=house / folder,
        env=os.environ | {"PYTHONPATH": str(house / "src"), "NO_COLOR": "1", "COLUMNS": "500"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_rest_imports_without_it(house: Path) -> None:
    modules = [
        ".".join(path.relative_to(house / "src").with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((house / "src" / "longspan").rglob("*.py"))
        if path.name != "__main__.py" and not {"starter", "migrations", "versions"} & set(path.parts)
    ]
    code = f"import importlib\nfor name in {modules!r}:\n    importlib.import_module(name)\nprint(importlib.__name__)"
    answer = run(house, sys.executable, "-c", code)
    assert answer.returncode == 0, answer.stderr
    origin = run(house, sys.executable, "-c", "import longspan; print(longspan.__file__)").stdout.strip()
    assert Path(origin).is_relative_to(house)


def test_the_contracts_still_hold(house: Path) -> None:
    answer = run(house, str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache")
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("words", [["check"], ["plan"], ["schema"], ["--help"]], ids=" ".join)
def test_commands_still_work(house: Path, words: list[str]) -> None:
    code = "import sys; from longspan.cli.main import run; sys.exit(run(sys.argv[1:]))"
    answer = run(house, sys.executable, "-c", code, *words, folder="hello")
    assert answer.returncode in (0, 3), answer.stdout + answer.stderr
    assert "scaling" not in answer.stdout


def test_a_file_that_asks_for_it_is_told_that_it_is_not_there(house: Path) -> None:
    path = house / "hello" / "longspan.yaml"
    text = path.read_text()
    try:
        path.write_text(text.replace("    steps:", "    scaling: {max: 2}\n    steps:", 1))
        code = "import sys; from longspan.cli.main import run; sys.exit(run(sys.argv[1:]))"
        answer = run(house, sys.executable, "-c", code, "check", folder="hello")
    finally:
        path.write_text(text)
    assert answer.returncode == 2
    assert "services.flower.scaling is no key that is known here" in answer.stderr
