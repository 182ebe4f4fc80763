"""Asking all who answer at their sockets: real sockets, some of them silent, some gone."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from longspan.capabilities.replicas.adapters.handshakes import Handshakes
from longspan.wire.http1 import response
from longspan.wire.orders import Identity


def identity(pid: int) -> Identity:
    return Identity(replica=f"r{pid}", unit="hello", generation=1, digest="d", build="1", pid=pid, state="ready")


class Worker:
    """Answers at a socket as a worker does; silent while `quiet` is set."""

    def __init__(self, path: Path, pid: int, answer: bytes | None = None) -> None:
        self.path, self.asked, self.quiet = path, 0, threading.Event()
        self._answer = answer or response(
            200, b"application/json", msgspec.json.encode(identity(pid)), keep_alive=False
        )
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(8)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                wire, _ = self._listener.accept()
                with wire:
                    wire.recv(1000)
                    self.asked += 1
                    while self.quiet.is_set():
                        time.sleep(0.005)
                    # In two pieces: an answer comes as it comes.
                    wire.sendall(self._answer[:20])
                    wire.sendall(self._answer[20:])

    def close(self) -> None:
        self.quiet.clear()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[dict[int, Worker]]:
    made = {pid: Worker(tmp_path / f"{pid}.sock", pid) for pid in range(1, 6)}
    yield made
    for worker in made.values():
        worker.close()


def told(handshakes: Handshakes, sockets: dict[int, Path], *pids: int) -> dict[int, Identity]:
    """Ask until these have answered."""
    end = time.monotonic() + 5
    while not (found := handshakes.ask(sockets)).keys() >= set(pids):
        assert time.monotonic() < end
    return found


def test_all_are_asked_at_once_and_known_for_a_while(workers: dict[int, Worker]) -> None:
    handshakes, sockets = Handshakes(), {pid: worker.path for pid, worker in workers.items()}
    assert told(handshakes, sockets, *workers) == {pid: identity(pid) for pid in workers}
    for _ in range(3):
        handshakes.ask(sockets)
    assert {worker.asked for worker in workers.values()} == {1}


def test_a_silent_one_costs_the_others_nothing_and_is_heard_when_it_speaks(workers: dict[int, Worker]) -> None:
    workers[3].quiet.set()
    handshakes, sockets = Handshakes(), {pid: worker.path for pid, worker in workers.items()}
    found = told(handshakes, sockets, 1, 2, 4, 5)
    assert 3 not in found
    workers[3].quiet.clear()
    assert told(handshakes, sockets, 3)[3] == identity(3)
    assert workers[3].asked == 1  # its first question was still open


def test_who_does_not_listen_or_answers_nonsense_is_nobody(tmp_path: Path, workers: dict[int, Worker]) -> None:
    refusing = tmp_path / "refusing.sock"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(refusing))
        nonsense = Worker(tmp_path / "nonsense.sock", 9, b"HTTP/1.1 200 OK\r\ncontent-type: a/b\r\n\r\n{not json")
        wrong = Worker(tmp_path / "wrong.sock", 9, response(503, b"a/b", b"{}", keep_alive=False))
        sockets = {1: workers[1].path, 7: tmp_path / "none.sock", 8: refusing, 9: nonsense.path, 10: wrong.path}
        handshakes = Handshakes()
        told(handshakes, sockets, 1)
        end = time.monotonic() + 5
        while not (nonsense.asked and wrong.asked):
            assert time.monotonic() < end
            handshakes.ask(sockets)
        assert handshakes.ask(sockets).keys() == {1}
        nonsense.close()
        wrong.close()


def test_who_is_asked_about_no_more_is_forgotten(workers: dict[int, Worker]) -> None:
    handshakes = Handshakes()
    told(handshakes, {1: workers[1].path, 2: workers[2].path}, 1, 2)
    assert handshakes.ask({2: workers[2].path}) == {2: identity(2)}


def test_a_path_longer_than_a_socket_address_will_do(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    worker = Worker(tmp_path / "short.sock", 1)
    worker.path.rename(folder / "0.sock")
    assert told(Handshakes(), {1: folder / "0.sock"}, 1) == {1: identity(1)}
    worker.close()
