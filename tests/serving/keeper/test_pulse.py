"""Servers that answer, hang, hang up, and are gone."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from longspan.serving.keeper import pulse
from longspan.serving.keeper.pulse import Pulse
from tests.serving.running import until

PATIENCE = 0.1


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "EVERY_SECONDS", 0.0)


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "s"))
        made.listen()
        yield made


def test_one_that_answers_anything_is_alive(listening: socket.socket) -> None:
    asked = Pulse(listening.getsockname(), PATIENCE)
    for _ in range(20):
        assert asked.step()
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.recv(4096).startswith(b"GET /v2/health/live HTTP/1.1\r\n")
            accepted.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n")
            until(lambda: asked.step() and not asked.silent_seconds, "the answer is heard")
    asked.close()


def test_one_that_takes_questions_and_answers_none_hangs(listening: socket.socket) -> None:
    asked = Pulse(listening.getsockname(), PATIENCE)
    until(lambda: not asked.step(), "it is found to hang")
    assert asked.silent_seconds > PATIENCE
    assert len(asked.descriptors()) == 1
    asked.close()
    assert asked.descriptors() == []


def test_one_that_hangs_up_without_a_word_hangs_as_well(listening: socket.socket) -> None:
    listening.setblocking(False)
    asked = Pulse(listening.getsockname(), PATIENCE)

    def found() -> bool:
        with contextlib.suppress(BlockingIOError):
            listening.accept()[0].close()
        return not asked.step()

    until(found, "it is found to hang")
    asked.close()


def test_one_that_nobody_reaches_hangs_as_well(tmp_path: Path) -> None:
    asked = Pulse(str(tmp_path / "nothing"), PATIENCE)
    until(lambda: not asked.step(), "it is found to hang")


def test_time_in_which_nobody_looked_is_not_silence(listening: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(pulse, "monotonic", lambda: now[0])
    asked = Pulse(listening.getsockname(), 5.0)
    asked.step()
    now[0] += 3600  # a laptop that slept
    assert asked.step()
    assert asked.silent_seconds == pulse.LONGEST_LOOK_SECONDS
    asked.close()
