"""Can the locks be trusted: every part pinned by hash, from nowhere in particular, the same in all three?"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = {name: (ROOT / "requirements" / f"{name}.txt").read_text() for name in ("base", "demo", "dev")}
PART = re.compile(r"^([a-z0-9-]+)==(\S+)((?: ;[^\\\n]*)?)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)


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


def test_the_base_lock_holds_each_dependency_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[><=\[]", line)[0].replace(".", "-") for line in project["dependencies"]}
    assert wanted <= {name for name, _ in parts("base")}
