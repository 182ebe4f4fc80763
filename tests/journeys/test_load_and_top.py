"""A person puts a load on what runs, kills a replica under it, and watches: what is told is what happened."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.system import COMMAND, System, copy_example


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """examples/hello with two replicas, running."""
    with System(copy_example("hello", tmp_path_factory.mktemp("hello"))) as system:
        system.change("longspan.yaml", "port: 8080", "port: 0")
        system.change("longspan.yaml", "    accepts:", "    settle: 500ms\n    replicas: 2\n    accepts:")
        system.up()
        system.until("settled", lambda status: status.generation is not None)
        yield system


@contextlib.contextmanager
def loaded(system: System, output: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """``longspan load flower`` beside the block; its output goes to a file."""
    with output.open("wb") as file:
        child = subprocess.Popen(
            [COMMAND, "load", "flower", *options],
            cwd=system.folder,
            env=system.environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def test_top_tells_the_load_that_another_command_says_it_puts_on(system: System, tmp_path: Path) -> None:
    with loaded(system, tmp_path / "load.txt", "--rate", "60/s", "--for", "60s") as child:
        system.until("under load", lambda status: any(step.count > 30 for step in status.steps))
        seen = json.loads(system.run("top", "--once", "--json"))
        child.terminate()
    (service,) = seen["services"]
    assert service["name"] == "flower"
    assert service["requests_per_second"] > 0
    assert service["errors_per_second"] == 0
    assert service["p50_seconds"] <= service["p95_seconds"]
    assert [(step["name"], step["runs_per_second"] > 0) for step in seen["steps"]] == [
        ("read", True),
        ("classify", True),
    ]
    assert seen["units"][0]["states"] == {"ready": 2}
    assert seen["units"][0]["cores"] > 0


def test_a_replica_killed_under_load_fails_no_request_and_is_told(system: System, tmp_path: Path) -> None:
    before = {one.pid for one in system.replicas()}
    output = tmp_path / "load.json"
    with loaded(system, output, "--rate", "60/s", "--for", "3s", "--kill", "replica", "--json") as child:
        assert child.wait(40) == 0, output.read_text()
    told = json.loads(output.read_text())
    assert (told["due"], told["ok"], told["failed"]) == (180, 180, 0)
    (mark,) = told["marks"]
    killed = int(mark["text"].rpartition("(pid ")[2].rstrip(")"))
    assert mark["text"].startswith("killed flower/")
    assert killed in before
    assert mark["at_seconds"] >= 1.5
    system.until("whole again", lambda _: len({one.pid for one in system.replicas()} - {None, killed}) == 2)
    assert sum(one.restarts for one in system.replicas()) == 1
    assert sum(window["due"] for window in told["timeline"]) == 180
