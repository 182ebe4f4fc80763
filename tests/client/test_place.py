"""Is it clear which system a command is about, and can what is said of it be followed?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from longspan.client.place import NoFile, Place, author


@pytest.mark.parametrize(
    ("file", "state", "words"),
    [
        ("longspan.yaml", "", ""),
        ("a/longspan.yaml", "", " --file a/longspan.yaml"),
        ("my system.yaml", "", " --file 'my system.yaml'"),
        ("longspan.yaml", "/var/lib/hello", " --state /var/lib/hello"),
        ("a/b.yaml", "c", " --file a/b.yaml --state c"),
    ],
)
def test_a_command_is_told_what_it_needs_to_find_the_system(file: str, state: str, words: str) -> None:
    assert Place.named(file, state).words == words


def test_the_state_stands_beside_the_file_unless_it_is_named() -> None:
    assert Place.named("a/b.yaml", "").state == Path("a/.longspan")
    assert Place.named("a/b.yaml", "c").state == Path("c")


def test_a_file_that_is_not_there_is_a_wrong_command_line_and_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(NoFile, match="is not there") as caught:
        Place.named(str(tmp_path / "b.yaml"), "").must_have_file()
    assert str(tmp_path) in caught.value.problem
    assert caught.value.exit_code == 2
    with pytest.raises(NoFile, match="is no file"):
        Place.named(str(tmp_path), "").must_have_file()


def test_a_system_whose_file_has_gone_can_still_be_asked_and_stopped(tmp_path: Path) -> None:
    place = Place.named(str(tmp_path / "b.yaml"), "")
    with pytest.raises(NoFile):
        place.must_exist()
    place.state.mkdir()
    place.must_exist()


def test_orders_are_signed_with_user_and_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    assert author() == f"ada@{os.uname().nodename}"
