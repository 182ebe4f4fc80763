"""The vault: what is copied, what is left out, and that a name in it is whole or not there."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from longspan.base.errors import LongspanError, Refused
from longspan.system.vault import Vault, digest_file, survey

LIMIT = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "parts").mkdir(parents=True)
    (root / "steps.py").write_text("def name(): ...\n")
    (root / "parts" / "words.txt").write_text("one\ntwo\n")
    return root


def paths(folder: Path, *leave_out: Path) -> set[str]:
    return set(survey(folder, leave_out=set(leave_out), limit_bytes=LIMIT).files)


def test_the_folder_is_read_with_its_parts(folder: Path) -> None:
    assert paths(folder) == {"steps.py", "parts/words.txt"}


def test_what_is_no_code_is_left_out(folder: Path, tmp_path: Path) -> None:
    for inside in (".git/config", ".longspan/state.db", "__pycache__/steps.pyc", "venv/pyvenv.cfg", "data/big.bin"):
        (folder / inside).parent.mkdir(exist_ok=True)
        (folder / inside).write_text("x")
    (folder / ".gitignore").write_text("data/\n*.log\n")
    (folder / "run.log").write_text("x")
    (folder / "longspan.yaml").write_text("x")
    (tmp_path / "secret.txt").write_text("x")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "inside.txt").symlink_to(folder / "steps.py")
    assert paths(folder, folder / "longspan.yaml") == {"steps.py", "parts/words.txt", ".gitignore", "inside.txt"}


def test_a_line_of_gitignore_that_is_no_pattern_names_nothing(folder: Path) -> None:
    (folder / "run.log").write_text("x")
    (folder / "keep.log").write_text("x")
    (folder / ".gitignore").write_text("\\\n!\n[]-]\n*.log\n!keep.log\n")
    assert paths(folder) == {"steps.py", "parts/words.txt", ".gitignore", "keep.log"}


@pytest.mark.timeout(20)
def test_a_line_of_gitignore_takes_no_longer_for_its_stars(folder: Path) -> None:
    (folder / ("a" * 40)).write_text("x")
    (folder / ".gitignore").write_text("*" * 10_000 + "b\n# " + "* " * 100 + "\n")
    assert "a" * 40 in paths(folder)
    (folder / ".gitignore").write_text("*.log\n" + "*a" * 40 + "b\n")
    with pytest.raises(Refused, match=r"^\.gitignore:2: has more than 8 \* in one line"):
        paths(folder)


def test_a_file_whose_name_is_no_text_is_refused_unless_it_is_ignored(folder: Path) -> None:
    (folder / os.fsdecode(b"odd\xff.txt")).write_text("x")
    with pytest.raises(Refused, match=r"name of odd\\udcff\.txt is no UTF-8 text"):
        paths(folder)
    (folder / ".gitignore").write_text("odd*\n")
    assert paths(folder) == {"steps.py", "parts/words.txt", ".gitignore"}


def test_a_changed_byte_is_another_tree_and_a_touched_file_is_not(folder: Path) -> None:
    before = survey(folder, leave_out=set(), limit_bytes=LIMIT).digest()
    os.utime(folder / "steps.py", (1, 1))
    assert survey(folder, leave_out=set(), limit_bytes=LIMIT).digest() == before
    (folder / "steps.py").write_text("def name(): ... \n")
    assert survey(folder, leave_out=set(), limit_bytes=LIMIT).digest() != before


def test_an_executable_stays_one_and_a_changed_bit_is_another_tree(folder: Path, tmp_path: Path) -> None:
    plain = survey(folder, leave_out=set(), limit_bytes=LIMIT)
    program = folder / "server"
    program.write_text("#!/bin/sh\necho it runs from $(dirname $0)\n")
    program.chmod(0o755)
    vault, tree = Vault(tmp_path / "vault"), survey(folder, leave_out=set(), limit_bytes=LIMIT)
    program.chmod(0o644)
    assert survey(folder, leave_out=set(), limit_bytes=LIMIT).digest() != tree.digest()
    vault.keep_code(folder, tree)  # as it was read, whatever has become of it
    copy = vault.code(tree.digest())
    assert subprocess.run([copy / "server"], capture_output=True, text=True, check=True).stdout == (
        f"it runs from {copy}\n"
    )
    assert survey(copy, leave_out=set(), limit_bytes=LIMIT) == tree
    assert {path: tree.files[path] for path in plain.files} == plain.files
    assert (copy / "steps.py").stat().st_mode & 0o777 == 0o400


def test_too_much_code_is_refused_with_the_largest_files_named(folder: Path) -> None:
    (folder / "weights.bin").write_bytes(bytes(2 * LIMIT))
    with pytest.raises(Refused, match=r"over system.code_limit \(1MiB\)(.|\n)*weights.bin"):
        survey(folder, leave_out=set(), limit_bytes=LIMIT)


def test_a_copy_is_the_same_tree_and_outlives_the_original(folder: Path, tmp_path: Path) -> None:
    vault, tree = Vault(tmp_path / "vault"), survey(folder, leave_out=set(), limit_bytes=LIMIT)
    vault.keep_code(folder, tree)
    (folder / "steps.py").write_text("edited")
    assert survey(vault.code(tree.digest()), leave_out=set(), limit_bytes=LIMIT) == tree


def test_a_file_that_changes_under_the_copy_is_noticed_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    vault, tree = Vault(tmp_path / "vault"), survey(folder, leave_out=set(), limit_bytes=LIMIT)
    (folder / "steps.py").write_text("edited meanwhile")
    with pytest.raises(LongspanError, match=r"steps\.py changed while it was being read"):
        vault.keep_code(folder, tree)
    assert not vault.code(tree.digest()).exists()


def test_the_same_code_brought_by_several_at_once_is_kept_once(folder: Path, tmp_path: Path) -> None:
    for number in range(50):
        (folder / f"{number}.txt").write_text(str(number))
    tree, vault = survey(folder, leave_out=set(), limit_bytes=LIMIT), Vault(tmp_path / "vault")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: vault.keep_code(folder, tree), range(4)))
    assert survey(vault.code(tree.digest()), leave_out=set(), limit_bytes=LIMIT).files == tree.files
    assert list((tmp_path / "vault" / "new").iterdir()) == []


def test_models_are_kept_by_digest(tmp_path: Path) -> None:
    model, vault = tmp_path / "model.onnx", Vault(tmp_path / "vault")
    model.write_bytes(b"weights")
    digest = digest_file(model)
    vault.keep_model(model, digest)
    vault.keep_model(model, digest)
    assert vault.model(digest).read_bytes() == b"weights"


def test_what_a_killed_control_left_half_copied_is_cleared(tmp_path: Path) -> None:
    Vault(tmp_path / "vault")
    (tmp_path / "vault" / "new" / "abc").mkdir()
    (tmp_path / "vault" / "new" / "abc" / "half.py").write_text("x")
    Vault(tmp_path / "vault")
    assert list((tmp_path / "vault" / "new").iterdir()) == []


def test_a_copy_that_fails_half_way_leaves_nothing_and_can_be_made_later(folder: Path, tmp_path: Path) -> None:
    (folder / "zz").mkdir()
    (folder / "zz" / "last.py").write_text("last")
    vault, tree = Vault(tmp_path / "vault"), survey(folder, leave_out=set(), limit_bytes=LIMIT)
    (folder / "zz" / "last.py").rename(tmp_path / "kept")
    with pytest.raises(FileNotFoundError):
        vault.keep_code(folder, tree)
    assert list((tmp_path / "vault" / "new").iterdir()) == []
    (tmp_path / "kept").rename(folder / "zz" / "last.py")
    vault.keep_code(folder, tree)
    assert survey(vault.code(tree.digest()), leave_out=set(), limit_bytes=LIMIT) == tree
