"""Do the import contracts of pyproject.toml hold, and does each of them bite?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

TRESPASSES = (
    ("base.units", "longspan.wire.orders"),
    ("wire.orders", "longspan.spec.units"),
    ("spec.units", "longspan.system.records"),
    ("system.records", "longspan.capabilities.generations.decide"),
    ("client.messages", "longspan.serving.admission"),
    ("serving.admission", "longspan.spec.units"),
    ("serving.runner", "pydantic"),
    ("serving.graph", "time"),
    ("spec.units", "os"),
    ("capabilities.generations.decide", "random"),
    ("capabilities.replicas.decide", "sqlalchemy"),
    ("capabilities.generations.run", "longspan.capabilities.generations.adapters"),
    ("capabilities.generations.run", "longspan.system.ledger"),
    ("capabilities.replicas.run", "subprocess"),
    ("capabilities.replicas.run", "longspan.capabilities.generations.decide"),
    ("capabilities.replicas.cli", "longspan.capabilities.replicas.run"),
    ("cli.check", "longspan.control.world"),
)
"""Module of ours -> what it may not import. Each breaks at least one contract."""


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """import-linter on the ``src`` of `root`, by the contracts of its pyproject.toml."""
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root / "src"), "COLUMNS": "500"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def copy_of_the_house(to: Path) -> Path:
    shutil.copytree(ROOT / "src", to / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", to)
    return to


def home(root: Path, module: str) -> Path:
    """File of `longspan.module`, be it a module or a package."""
    path = root / "src" / "longspan" / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def test_imports_only_go_where_the_contracts_allow() -> None:
    answer = lint_imports(ROOT)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_trespass_is_seen(tmp_path: Path) -> None:
    root = copy_of_the_house(tmp_path)
    for module, forbidden in TRESPASSES:
        with home(root, module).open("a") as file:
            file.write(f"\nimport {forbidden}\n")
    answer = lint_imports(root)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    unseen = [pair for pair in TRESPASSES if f"longspan.{pair[0]} -> {pair[1]} (l." not in answer.stdout]
    assert not unseen, answer.stdout


def test_a_new_room_needs_a_floor(tmp_path: Path) -> None:
    root = copy_of_the_house(tmp_path)
    home(root, "utils").write_text('"""Odds and ends."""\n')
    answer = lint_imports(root)
    assert answer.returncode == 1
    assert "utils" in answer.stdout
