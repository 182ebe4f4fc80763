"""The folder of the file, read for real: what is pinned, what is refused, and where the complaint points."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from longspan.base.errors import Invalid, Missing, Refused
from longspan.capabilities.generations.adapters import Folder, Generations, secrets_key
from longspan.system.vault import Vault, digest_file

STEPS = """
from longspan import Json

class Greeter:
    def __init__(self, token: str = "none") -> None:
        self.token = token

    def __call__(self, name: Json) -> Json:
        return f"hello {name}"
"""
FILE = """
system: {name: hello}
services:
  hello:
    accepts: {application/json: greet.name}
    answers: {application/json: greet.result}
    steps:
      greet: {run: "steps:Greeter"}
"""
Make = Callable[..., Generations]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(file: str = FILE, steps: str = STEPS, environment: dict[str, str] | None = None) -> Generations:
        root = tmp_path / "project"
        root.mkdir(exist_ok=True)
        (root / "steps.py").write_text(steps)
        (root / "longspan.yaml").write_text(file)
        state = root / ".longspan"
        state.mkdir(exist_ok=True)
        given = {"PATH": "/usr/bin:/bin"} | (environment or {})
        return Generations(
            Folder(root / "longspan.yaml", state, given),
            Vault(state / "vault"),
            secrets_key(state / "key"),
            given,
            last_log=lambda _unit, _slot: (),
            claim_port=lambda _port: None,
        )

    return made


def test_an_unchanged_file_is_accepted_as_the_same_value(make: Make) -> None:
    assert make().prepare().accepted == make().prepare().accepted


def test_comments_and_layout_are_no_change(make: Make) -> None:
    spread = FILE.replace("system: {name: hello}", "# a comment\nsystem:\n  name: hello  # and another")
    assert make(spread).prepare().accepted == make().prepare().accepted


def test_a_changed_byte_of_code_is_other_work(make: Make) -> None:
    (before,) = make().units(make().prepare().accepted)
    (after,) = make().units(make(steps=STEPS + "\n").prepare().accepted)
    assert before.digest != after.digest


def test_what_was_accepted_stands_in_the_vault_even_when_the_folder_moves_on(make: Make, tmp_path: Path) -> None:
    prepared = make().prepare()
    prepared.keep()
    make(steps="broken")
    kept = tmp_path / "project" / ".longspan" / "vault" / "code" / prepared.accepted.pins.code
    assert (kept / "steps.py").read_text() == STEPS
    assert not (kept / "longspan.yaml").exists()


def test_a_step_whose_import_fails_is_a_complaint_where_it_is_named(make: Make) -> None:
    with pytest.raises(Invalid) as raised:
        make(steps="import nothing_of_that_name").prepare()
    (complaint,) = raised.value.complaints
    assert (complaint.line, complaint.at) == (8, "services.hello.steps.greet.run")
    assert "nothing_of_that_name" in complaint.problem


def test_a_step_that_ends_the_process_at_import_is_refused_in_words(make: Make) -> None:
    with pytest.raises((Refused, Invalid), match="exit code 7|SystemExit"):
        make(steps="import os; os._exit(7)").prepare()


def test_a_model_that_is_not_there_is_a_complaint_where_it_is_named(make: Make) -> None:
    file = FILE + "models: {tiny: {path: tiny.onnx}, other: {path: package:no_such_package/x.onnx}}\n"
    with pytest.raises(Invalid) as raised:
        make(file).prepare()
    assert [c.at for c in raised.value.complaints] == ["models.tiny.path", "models.other.path"]
    assert raised.value.complaints[1].remedy == "pip install no_such_package"


def test_a_pinned_digest_that_is_not_the_files_is_refused(make: Make) -> None:
    iris = Path("examples/hello/iris.onnx").read_bytes()
    make()
    folder = Path(make()._folder.file.parent)
    (folder / "iris.onnx").write_bytes(iris)
    good = digest_file(folder / "iris.onnx")
    make(FILE + f"models: {{iris: {{path: iris.onnx, digest: 'sha256:{good}'}}}}\n").prepare()
    with pytest.raises(Invalid, match=f"sha256:{good}"):
        make(FILE + f"models: {{iris: {{path: iris.onnx, digest: 'sha256:{'0' * 64}'}}}}\n").prepare()


WITH_SECRET = FILE.replace('"steps:Greeter"}', '"steps:Greeter", with: {token: "${env:HELLO_TOKEN}"}}')


def test_a_secret_that_the_environment_lacks_refuses_the_apply(make: Make) -> None:
    with pytest.raises(Refused, match="HELLO_TOKEN"):
        make(WITH_SECRET).prepare()


def test_another_value_of_a_secret_is_other_work_and_the_value_is_nowhere(make: Make, tmp_path: Path) -> None:
    tags = set()
    for value in ("open-sesame", "open-barley"):
        prepared = make(WITH_SECRET, environment={"HELLO_TOKEN": value}).prepare()
        prepared.keep()
        tags.add(prepared.accepted.pins.secrets["HELLO_TOKEN"])
        assert value not in repr(prepared.accepted)
        assert not any(value.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert len(tags) == 2


def test_a_file_that_is_not_there_and_one_that_is_no_text_are_told_in_words(make: Make, tmp_path: Path) -> None:
    generations = make()
    (tmp_path / "project" / "longspan.yaml").write_bytes(b"system:\n  name: \xff\n")
    with pytest.raises(Invalid) as raised:
        generations.prepare()
    assert raised.value.complaints[0].line == 2
    (tmp_path / "project" / "longspan.yaml").unlink()
    with pytest.raises(Missing):
        generations.prepare()


SERVER = """
system: {name: hello}
services:
  hello:
    steps:
      greet: {command: [PROGRAM, "{socket}"], inputs: {name: "BYTES[1]"}, outputs: {result: "BYTES[1]"}}
"""


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("no-such-program", "is no program on PATH"),
        ("./server", "is no file beside longspan.yaml"),
        ("bin/../../server", "leaves the folder of longspan.yaml"),
        ("/no/such/server", "is no file on this machine"),
        ("./steps.py", "cannot be executed"),
    ],
)
def test_a_program_that_cannot_be_started_is_a_complaint_where_it_is_named(
    program: str, problem: str, make: Make
) -> None:
    with pytest.raises(Invalid) as raised:
        make(SERVER.replace("PROGRAM", program)).prepare()
    (complaint,) = raised.value.complaints
    assert complaint.at == "services.hello.steps.greet.command.0"
    assert (complaint.line, complaint.problem[: len(problem)]) == (6, problem)


def test_a_server_is_pinned_to_the_code_beside_it_and_a_program_of_the_machine_is_taken(make: Make) -> None:
    accepted = make(SERVER.replace("PROGRAM", "sh")).prepare().accepted
    assert list(accepted.pins.files) == ["steps.py"]
    units = {unit.name: unit.work.code for unit in make().units(accepted)}
    assert units == {"hello": "", "hello.greet": accepted.pins.code}


def test_a_program_that_git_ignores_would_not_be_in_the_copy(make: Make, tmp_path: Path) -> None:
    make()
    folder = tmp_path / "project"
    (folder / "server").write_text("#!/bin/sh")
    (folder / "server").chmod(0o700)
    prepared = make(SERVER.replace("PROGRAM", "./server")).prepare()
    assert "server" in prepared.accepted.pins.files
    (folder / ".gitignore").write_text("server\n")
    with pytest.raises(Invalid, match="is not copied with the code"):
        make(SERVER.replace("PROGRAM", "./server")).prepare()


def test_nothing_is_pinned_for_a_server_that_is_there_already(make: Make) -> None:
    file = SERVER.replace('command: [PROGRAM, "{socket}"]', 'url: "unix:/run/other.sock"')
    assert make(file).prepare().accepted.pins.code == ""
