"""``longspan call``: the real command, a real gateway, and a control that says where it is."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from longspan.cli.main import run
from tests.capabilities.gateway.conftest import Site
from tests.capabilities.gateway.works import endpoint, step, work
from tests.cli.command import LONGSPAN, longspan
from tests.client.answering import Answering, whole

SERVICES = ("hello", "chat", "tensors")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, shared: Site) -> Iterator[Path]:
    """A user's folder, whose system is the one of `shared`."""
    at = [endpoint(name) for name in SERVICES]
    for one in at:
        shared.up(one)
    works = (work("hello", body_bytes=100), work("chat", step("chat", call="stream")), work("tensors"))
    shared.tell(*works, endpoints=tuple(at))
    status = {
        "system": "demo", "generation": 1, "url": f"http://127.0.0.1:{shared.port}", "control": {"pid": 1},
        "gateway": {"pid": 1, "version": ""}, "units": [], "services": SERVICES,
        "natural": {"hello": ["*/*"], "chat": ["*/*"]},
    }  # fmt: skip
    mine = tmp_path_factory.mktemp("mine")
    (mine / ".longspan").mkdir()
    (mine / "longspan.yaml").write_text("system: demo\n")
    for name, content in (("a.txt", "abc"), ("b.png", "defgh"), ("large.bin", "x" * 101), ("how.txt", "chunks=2")):
        (mine / name).write_text(content)
    control = Answering({"GET /v1/status": whole(json.dumps(status).encode())})
    with contextlib.chdir(mine), control.on_unix(Path(".longspan/control.sock")):
        yield mine


def test_one_file_prints_its_answer_and_nothing_else(folder: Path) -> None:
    done = longspan("call", "hello", "a.txt", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    seen = json.loads(done.stdout)
    assert (seen["target"], seen["size"], seen["headers"]["content-type"]) == ("/v1/services/hello", 3, "text/plain")


def test_several_files_print_a_line_each_and_a_refused_one_does_not_stop_the_rest(folder: Path) -> None:
    done = longspan("call", "hello", "a.txt", "large.bin", "b.png", cwd=folder)
    assert done.returncode == 1
    names, answers = zip(*(line.split("   ", 1) for line in done.stdout.splitlines()), strict=True)
    assert [name.strip() for name in names] == ["a.txt", "b.png"]
    assert [json.loads(answer)["headers"]["content-type"] for answer in answers] == ["text/plain", "image/png"]
    assert done.stderr == "error: large.bin: the body is larger than hello takes (100B)\n"


def test_json_tells_of_each_file_what_became_of_it(folder: Path) -> None:
    done = longspan("call", "hello", "a.txt", "large.bin", "--json", "--type", "x/y", cwd=folder)
    assert done.returncode == 1
    good, bad = json.loads(done.stdout)
    assert (good["file"], good["status"], good["type"]) == ("a.txt", 200, "application/json")
    assert good["answer"]["headers"]["content-type"] == "x/y"
    assert good["id"] == good["answer"]["headers"]["x-request-id"]
    assert bad == {"file": "large.bin", "status": 413, "error": "the body is larger than hello takes (100B)"}


def test_a_stream_is_passed_on_as_it_is(folder: Path) -> None:
    done = longspan("call", "chat", "how.txt", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "data: 0\n\ndata: 1\n\n")


def test_standard_input_is_a_file_too(folder: Path) -> None:
    done = subprocess.run(
        [LONGSPAN, "call", "hello", "-", "--type", "text/csv"],
        cwd=folder,
        env=os.environ,
        input=b"1,2,3",
        capture_output=True,
        timeout=60,
        check=True,
    )
    seen = json.loads(done.stdout)
    assert (seen["size"], seen["headers"]["content-type"]) == (5, "text/csv")


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("hello", "none.txt"), 2, "none.txt: is not there"),
        (("hello", "."), 2, ".: is a folder. Name the files in it: ./*"),
        (("helo", "a.txt"), 1, "demo has no service helo. Did you mean hello?"),
        (("zebra", "a.txt"), 1, "demo has no service zebra. It has these: hello, chat, tensors"),
        (("tensors", "a.txt"), 1, "tensors takes no files. Call it at http://127.0.0.1:"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_sent(
    folder: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, str], code: int, complaint: str
) -> None:
    assert run(["call", *words]) == code
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"error: {complaint}")


def test_without_a_control_the_remedy_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "longspan.yaml").write_text("system: demo\n")
    (tmp_path / "a.txt").write_text("abc")
    assert run(["call", "hello", f"{tmp_path}/a.txt", "--file", f"{tmp_path}/longspan.yaml"]) == 1
    assert "Start it with longspan up" in capfd.readouterr().err
