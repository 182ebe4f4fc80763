"""The guard of memory, on a folder that stands in for a cgroup: the kernel's part is not to be had here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from longspan.capabilities.replicas.adapters import MemoryGuard, delegated


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A stand-in for a delegated cgroup, which ``/proc/self/cgroup`` names."""
    folder = tmp_path / "fs" / "user.slice" / "ours"
    folder.mkdir(parents=True)
    (folder / "cgroup.controllers").write_text("cpu memory pids\n")
    (folder / "cgroup.subtree_control").write_text("\n")
    (tmp_path / "own").write_text("0::/user.slice/ours\n")
    return folder


def guard(tmp_path: Path) -> MemoryGuard:
    return delegated(str(tmp_path / "own"), str(tmp_path / "fs"))


def test_a_delegated_cgroup_is_divided_and_control_moves_below_it(ours: Path, tmp_path: Path) -> None:
    assert guard(tmp_path).kind == "cgroup"
    assert (ours / "cgroup.subtree_control").read_text() == "+memory"
    assert (ours / "control" / "cgroup.procs").read_text() == str(os.getpid())


def test_a_control_after_it_finds_the_family_where_it_is(ours: Path, tmp_path: Path) -> None:
    guard(tmp_path)
    (ours / "cgroup.subtree_control").write_text("memory\n")  # as the kernel shows it
    (tmp_path / "own").write_text("0::/user.slice/ours/control\n")
    assert guard(tmp_path).kind == "cgroup"
    assert not (ours / "control" / "control").exists()


@pytest.mark.parametrize("controllers", ["cpu pids\n", None])
def test_without_the_memory_controller_replicas_are_watched_and_nothing_is_touched(
    ours: Path, tmp_path: Path, controllers: str | None
) -> None:
    (ours / "cgroup.controllers").unlink()
    if controllers is not None:
        (ours / "cgroup.controllers").write_text(controllers)
    before = sorted(ours.iterdir())
    assert guard(tmp_path).kind == "watched"
    assert sorted(ours.iterdir()) == before


@pytest.mark.parametrize("text", ["", "4:memory:/x\n"])
def test_without_a_cgroup_of_version_2_replicas_are_watched(tmp_path: Path, text: str) -> None:
    (tmp_path / "own").write_text(text)
    assert guard(tmp_path).kind == "watched"


def test_a_replica_lives_in_a_cgroup_of_its_own_with_its_limit(ours: Path, tmp_path: Path) -> None:
    held = guard(tmp_path)
    held.hold("r7", 4321, 1 << 30)
    group = ours / "longspan-r7"
    assert (group / "memory.max").read_text() == str(1 << 30)
    assert (group / "cgroup.procs").read_text() == "4321"
    for file in group.iterdir():  # in a cgroup, they go with the folder
        file.unlink()
    held.release("r7")
    held.release("r7")
    assert not group.exists()


def test_what_is_only_watched_is_put_nowhere(tmp_path: Path) -> None:
    MemoryGuard(None).hold("r7", 4321, 1)
    MemoryGuard(None).release("r7")
    assert list(tmp_path.iterdir()) == []
