"""Is each save seen once, and only when it is finished?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from longspan.cli.saves import Saves


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "longspan.yaml").write_text("one")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "steps.py").write_text("one")
    return tmp_path


def test_nothing_saved_is_nothing_seen(folder: Path) -> None:
    saves = Saves(folder, folder / ".longspan")
    assert [saves.happened() for _ in range(3)] == [False, False, False]


@pytest.mark.parametrize("name", ["longspan.yaml", "code/steps.py", "code/new.py"])
def test_a_save_counts_once_after_two_looks_that_agree(folder: Path, name: str) -> None:
    saves = Saves(folder, folder / ".longspan")
    (folder / name).write_text("another")
    assert [saves.happened() for _ in range(3)] == [False, True, False]


def test_a_file_that_is_still_being_written_waits(folder: Path) -> None:
    saves = Saves(folder, folder / ".longspan")
    for size in range(3):
        (folder / "longspan.yaml").write_text("x" * (size + 5))
        assert not saves.happened()
    assert saves.happened()


def test_what_is_taken_away_is_a_change_too(folder: Path) -> None:
    saves = Saves(folder, folder / ".longspan")
    (folder / "code" / "steps.py").unlink()
    assert [saves.happened() for _ in range(2)] == [False, True]


@pytest.mark.parametrize(
    "name", [".git/HEAD", ".longspan/state.db", "__pycache__/steps.pyc", "env/pyvenv.cfg", "kept/x"]
)
def test_what_is_no_code_of_the_system_is_not_watched(folder: Path, name: str) -> None:
    saves = Saves(folder, folder / "kept")
    (folder / name).parent.mkdir()
    (folder / name).write_text("x")
    assert [saves.happened() for _ in range(3)] == [False, False, False]


def test_a_folder_that_goes_away_and_a_link_to_nowhere_are_no_error(folder: Path) -> None:
    saves = Saves(folder, folder / ".longspan")
    os.symlink("nowhere", folder / "link")
    os.symlink("..", folder / "code" / "up")
    (folder / "code" / "steps.py").rename(folder / "steps.py")
    assert [saves.happened() for _ in range(2)] == [False, True]
