"""Does every command line end in the right code, in words for people, and without a stack trace?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from longspan.cli import main
from longspan.cli.version import PARTS
from tests.cli.command import LONGSPAN, longspan

HEAVY = ("sqlalchemy", "alembic", "pydantic", "fastapi", "uvicorn", "onnxruntime", "numpy", "ruamel", "longspan.spec")


def boom() -> None:
    """Fail as no command should.

    Example: longspan boom
    """
    raise KeyError("what nobody expected")


def wait() -> None:
    """Be interrupted.

    Example: longspan wait
    """
    signal.raise_signal(signal.SIGINT)


def odd(count: int) -> None:
    """Count.

    Example: longspan odd 3
    """


@pytest.fixture(autouse=True)
def _own_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("boom", "wait", "odd"):
        monkeypatch.setitem(main.HOMES, name, __name__)


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom longspan.cli.main import run\ncode = run(['--help'])\n"
        f"heavy = [name for name in {HEAVY} if name in sys.modules]\nassert code == 0 and not heavy, heavy"
    )
    answer = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 0, answer.stderr
    listed = {name.partition(" ")[0] for name in main.HOMES} - {"boom", "wait", "odd"}
    assert all(f"\n  {name} " in answer.stdout for name in listed)


@pytest.mark.parametrize("name", [name for name in main.HOMES if name not in ("boom", "wait", "odd")])
def test_the_help_of_each_command_ends_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([*name.split(), "--help"]) == 0
    last = capsys.readouterr().out.rstrip().rpartition("\n\n")[2].split()
    assert last[:2] == ["Example:", "longspan"]
    assert set(name.split()) <= set(last)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["frob"], "No such command 'frob'"),
        (["pan"], "Did you mean 'plan'"),
        (["scaling", "frob"], "No such command 'frob'"),
        (["scaling", "replay", "hello"], "--with"),
        (["plan", "--jason"], "No such option: --jason"),
        (["apply", "--on", "x"], "--on"),
        (["odd"], "count"),
        (["up", "--detach", "--watch"], "--watch"),
    ],
)
def test_a_wrong_command_line_is_exit_2_and_names_what_is_wrong(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert told in error
    assert "--help" in error


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([]) == 2
    assert "Commands:" in capsys.readouterr().out


def test_an_unexpected_error_is_one_line_that_says_where_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["boom"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: KeyError: 'what nobody expected'")
    assert "logs/control.log" in error
    assert error.count("\n") == 1


def test_who_debugs_sees_the_trace(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main.run(["--debug", "boom"]) == 1
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("LONGSPAN_DEBUG", "1")
    assert main.run(["boom"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["wait"]) == 130
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_reader_that_has_had_enough_is_no_error(tmp_path: Path) -> None:
    """As in ``longspan schema | head -1``."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        answer = subprocess.run(
            [LONGSPAN, "schema"], cwd=tmp_path, stdout=closed, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert answer.stderr == b""


@pytest.mark.parametrize("command", ["check", "plan", "up", "apply", "status", "logs", "down", "rollback"])
def test_in_a_folder_without_a_system_it_says_where_it_looked(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.run([command]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: longspan.yaml: is not there (looked in {tmp_path})")
    assert "longspan init" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["apply", "rollback", "status", "logs"])
def test_what_needs_a_running_control_says_how_to_start_one(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "longspan.yaml").write_text("system: {name: hello}\n")
    monkeypatch.chdir(tmp_path)
    assert main.run([command]) == 1
    assert capsys.readouterr().err == (
        "error: .longspan/control.sock: no control runs for this system. Start it with longspan up\n"
    )


def test_where_nothing_runs_down_has_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "system.yaml").write_text("system: {name: hello}\n")
    assert main.run(["down", "--file", str(tmp_path / "system.yaml")]) == 0
    assert capsys.readouterr().out == "nothing runs here\n"
    assert not (tmp_path / ".longspan").exists()


def test_logs_without_a_control_are_still_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").mkdir()
    assert main.run(["logs", "--state", str(tmp_path)]) == 1
    assert f"Its logs are files in {tmp_path / 'logs'}" in capsys.readouterr().err


def test_a_wrong_file_is_exit_2_with_a_line_for_each_complaint(tmp_path: Path) -> None:
    (tmp_path / "system.yaml").write_text("system: {name: Hello}\nmodells: {}\n")
    for command in ("check", "up"):
        answer = longspan(command, "--file", "system.yaml", cwd=tmp_path)
        assert answer.returncode == 2, answer.stderr
        lines = [line for line in answer.stderr.splitlines() if not line.startswith(" ")]
        assert [line.partition(": ")[0] for line in lines] == [
            "system.yaml:1:1",
            "system.yaml:1:16",
            "system.yaml:2:1",
            "error",
        ]
        assert "Did you mean models?" in answer.stderr
        assert answer.stdout == ""


def test_version_speaks_json_to_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["version", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"longspan", "python", *PARTS}


def test_doctor_speaks_json_to_scripts(tmp_path: Path) -> None:
    (tmp_path / ".longspan").mkdir(mode=0o755)
    doctor = longspan("doctor", "--json", cwd=tmp_path)
    assert doctor.returncode == 1, "others may read the state"
    found = {finding["name"]: finding["ok"] for finding in json.loads(doctor.stdout)}
    assert (found["python"], found["state"]) == (True, False)


def test_nothing_is_coloured_where_no_terminal_is(tmp_path: Path) -> None:
    (tmp_path / ".longspan").mkdir(mode=0o755)
    doctor = longspan("doctor", cwd=tmp_path)
    assert "no   state" in doctor.stdout
    assert "\x1b" not in doctor.stdout + doctor.stderr
