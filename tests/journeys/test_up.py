"""What somebody meets who sits before `longspan up`: what it tells, what a save does, and how it ends."""

from __future__ import annotations

import contextlib
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from benchmarks.system import COMMAND, System, copy_example, free_port, kill
from longspan.base.errors import LongspanError
from longspan.client.sync import Client

WAITING = """\
import os, time

def wait(content: bytes) -> str:
    sign = content.decode()
    open(sign, "w").close()
    while os.path.exists(sign):
        time.sleep(0.02)
    return "there"
"""
SECONDS = 30.0


class Up:
    """A ``longspan up`` in the foreground, its output in a file."""

    def __init__(self, system: System, *options: str) -> None:
        self.system, self.options = system, options
        self.output = system.folder.parent / "up.txt"

    def __enter__(self) -> Self:
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [COMMAND, "up", *self.options],
                cwd=self.system.folder,
                env=self.system.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def text(self) -> str:
        return self.output.read_text()

    def until(self, told: str) -> None:
        """Wait until it has told something."""
        end = time.monotonic() + SECONDS
        while told not in self.text():
            assert self.process.poll() is None, f"ended before it told {told!r}:\n{self.text()}"
            assert time.monotonic() < end, f"does not tell {told!r}:\n{self.text()}\n{self.system.tails()}"
            time.sleep(0.05)

    def interrupted(self) -> int:
        """Its exit code after one Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(SECONDS)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """examples/hello on a free port; a generation settles for half a second."""
    with System(copy_example("hello", tmp_path)) as system:
        system.change("longspan.yaml", "port: 8080", f"port: {free_port()}")
        system.change("longspan.yaml", "    accepts:", "    settle: 500ms\n    accepts:")
        yield system


def asked(system: System) -> bytes:
    """What the service answers to its sample."""
    content = (system.folder / "flower.json").read_bytes()
    return Client(system.status().url, retry=None).send("flower", content, media_type="application/json").body


def test_it_prints_an_address_a_line_that_works_and_where_the_logs_are(system: System) -> None:
    text = system.run("up", "--detach")
    url = system.status().url
    assert f"hello serves at {url}" in text
    assert "logs: .longspan/logs" in text
    line = next(shlex.split(line) for line in text.splitlines() if line.startswith("    curl "))
    assert line == [
        "curl", "-H", "content-type: application/json", "--data-binary", "@flower.json", f"{url}/v1/services/flower",
    ]  # fmt: skip
    assert asked(system) == b'"setosa"'
    assert system.run("call", "flower", "flower.json") == "setosa\n"


def test_a_save_is_applied_and_a_broken_one_changes_nothing(system: System) -> None:
    with Up(system, "--watch") as up:
        up.until("generation 1 serves")
        system.change("steps.py", "np.array([content]", "np.array([[6.3, 3.3, 6.0, 2.5]]")
        up.until("saved: generation 2 is on its way")
        up.until("generation 2 serves")
        assert asked(system) == b'"virginica"'
        system.change("steps.py", "def read(", "def read((")
        up.until("saved, but it is wrong: nothing has been touched")
        assert "longspan.yaml:" in up.text()
        assert "SyntaxError" in up.text()
        assert asked(system) == b'"virginica"'
        assert system.status().generation == 2
        assert up.interrupted() == 0
    assert system.processes() == []


def test_a_control_that_dies_is_told_and_the_next_up_takes_over_what_serves(system: System) -> None:
    with Up(system) as up:
        up.until("generation 1 serves")
        before = system.status()
        kill(before.control.pid)
        assert up.process.wait(SECONDS) == 1
    assert up.text().endswith("error: control died; 1 replica still serves. longspan up takes over\n")
    assert Client(before.url, retry=None).ready()
    with Up(system) as up:
        up.until("hello serves at")
        after = system.status()
        # What a replica holds is measured anew; all else of it stays.
        held = [
            [replace(one, memory_bytes=0) for unit in each.units for one in unit.replicas] for each in (before, after)
        ]
        assert held[1] == held[0]
        assert after.gateway == before.gateway
        assert after.control != before.control
        assert up.interrupted() == 0
    assert system.processes() == []


def test_an_up_says_in_a_line_when_the_file_is_not_what_runs(system: System) -> None:
    system.up()
    system.run("down")
    system.change("steps.py", "np.array([content]", "np.array([[6.3, 3.3, 6.0, 2.5]]")
    assert "note: longspan.yaml differs from what runs in 1 place: longspan plan" in system.run("up", "--detach")
    assert asked(system) == b'"setosa"'


def test_a_first_generation_that_fails_is_the_end_of_up_with_the_reason_and_its_last_words(system: System) -> None:
    with (system.folder / "steps.py").open("a") as file:
        # A worker's folder is the state; where the file is checked there is no vault.
        file.write("\nimport os\nif os.path.isdir('vault'):\n    raise RuntimeError('no luck today')\n")
    code, text = system.ask("up")
    assert code == 1
    assert "RuntimeError: no luck today" in text
    assert text.splitlines()[-1].startswith("error: generation 1 failed: ")
    assert system.processes() == []


def test_a_first_generation_that_dies_before_it_has_settled_is_the_end_too(system: System) -> None:
    system.change("longspan.yaml", "settle: 500ms", "settle: 20s")
    with Up(system) as up:
        up.until("hello serves at")
        kill(system.replicas()[0].pid)
        assert up.process.wait(SECONDS) == 1
    assert up.text().splitlines()[-1].startswith("error: generation 1 failed: replica flower/0 died")
    assert system.processes() == []


def test_a_first_ctrl_c_waits_for_what_is_being_answered_and_a_second_does_not(tmp_path: Path) -> None:
    (tmp_path / "system").mkdir()
    with System(tmp_path / "system") as system:
        system.file.write_text(
            "system: {name: slow}\n"
            "services:\n"
            "  wait:\n"
            "    settle: 0s\n"
            '    accepts: {"*/*": wait.content}\n'
            "    answers: {text/plain: wait.result}\n"
            '    steps: {wait: {run: "waiting:wait"}}\n'
            "gateway: {port: 0}\n"
        )
        (system.folder / "waiting.py").write_text(WAITING)
        with Up(system) as up:
            up.until("slow serves at")
            sign, url = tmp_path / "begun", system.status().url
            asking = threading.Thread(target=ask_in_vain, args=(url, str(sign).encode()))
            asking.start()
            system.until("being worked for", lambda _: sign.exists())
            up.process.send_signal(signal.SIGINT)
            up.until("stopping")
            with pytest.raises(subprocess.TimeoutExpired):
                up.process.wait(1.5)
            assert up.interrupted() == 0
            assert system.processes() == []
            asking.join(SECONDS)


def ask_in_vain(url: str, content: bytes) -> None:
    """A request that will never be answered."""
    with contextlib.suppress(LongspanError):
        Client(url, retry=None).send("wait", content, media_type="text/plain")
