"""A keeper and its server, from the first question to the last connection."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.system import free_port
from tests.serving.keeper.keeping import Kept, alive, connected, gone
from tests.serving.running import until

Keep = Callable[..., Kept]


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Keep]:
    """Starts keepers; none outlives the test."""
    started: list[Kept] = []

    def start(*told: str, **more: Any) -> Kept:
        started.append(Kept(tmp_path, *told, **more))
        return started[-1]

    yield start
    for kept in started:
        kept.stop()


def test_a_server_that_fits_is_found_at_the_slots_socket_and_told_for_by_its_keeper(keep: Keep) -> None:
    kept = keep("{socket}", "binary", binary=True).ready()
    identity = kept.identity()
    assert identity is not None
    assert (identity["unit"], identity["state"], identity["pid"]) == ("words.upper", "ready", kept.child.pid)
    status, told = kept.get("/environment")
    assert status == 200
    assert told["folder"] == str(kept.state / "code")
    assert told["arguments"][0] == told["LONGSPAN_SOCKET"] == f"{os.path.abspath(kept.address)}.new"
    assert not Path(told["LONGSPAN_SOCKET"]).exists()
    assert "a line of the server's" in kept.log
    page = kept.load()
    assert page.ready
    assert 10 << 20 < page.memory_bytes < 200 << 20
    assert page.cpu_seconds > 0


def test_a_state_folder_with_a_long_path_still_has_a_socket_that_can_be_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(tmp_path / ("long" * 30))
    monkeypatch.chdir(kept.state)
    try:
        assert kept.ready().get("/v2")[0] == 200
    finally:
        kept.stop()


@pytest.mark.parametrize(
    ("told", "more", "reason"),
    [
        (("other-type",), {}, "input 'text' is declared as BYTES[1], and it takes FP32[1]"),
        ((), {"binary": True}, "it does not name the extension binary_tensor_data at /v2"),
        (("dies",), {}, "the server ended before it was ready: exit code 1"),
        ((), {"command": ("no-such-command",)}, "cannot start no-such-command: there is no such command"),
        ((), {"command": ("./oip_server.py",)}, "cannot start ./oip_server.py: it is not executable"),
        ((), {"command": ("true",)}, "exit code 0; it must stay in the foreground"),
    ],
    ids=["type", "binary", "dies", "command", "executable", "background"],
)
def test_what_will_never_serve_ends_with_its_reason_in_the_log(
    keep: Keep, told: tuple[str, ...], more: dict[str, Any], reason: str
) -> None:
    kept = keep(*told, **more)
    assert kept.ended() == 1
    assert reason in kept.log.splitlines()[-1]
    assert not Path(kept.address).exists()


def test_one_that_is_never_ready_says_what_is_waited_for(keep: Keep) -> None:
    kept = keep("never-ready")
    until(lambda: "GET /v2/health/ready is answered 503" in kept.log, "the reason is in the log")
    kept.child.terminate()
    assert kept.ended() == 0


def test_a_server_that_ends_takes_its_keeper_with_it_and_says_how(keep: Keep) -> None:
    kept = keep().ready()
    with pytest.raises(ConnectionResetError):
        kept.get("/die")
    assert kept.ended() == 7
    assert "the server ended: exit code 7" in kept.log


def test_a_killed_server_is_told_by_its_signal(keep: Keep) -> None:
    kept = keep().ready()
    os.kill(kept.server_pid(), signal.SIGKILL)
    assert kept.ended() == 128 + signal.SIGKILL
    assert "signal 9 (Killed)" in kept.log


def test_all_that_a_server_has_started_ends_with_it(keep: Keep) -> None:
    kept = keep().ready()
    left = kept.get("/child")[1]
    assert alive(left)
    os.kill(kept.server_pid(), signal.SIGKILL)
    kept.ended()
    assert not alive(left)


def test_a_killed_keeper_takes_its_server_along_and_the_next_one_what_that_had_started(keep: Keep) -> None:
    kept = keep().ready()
    server, left = kept.server_pid(), kept.get("/child")[1]
    kept.child.kill()
    kept.ended()
    gone(server)
    kept.start()
    kept.ready()
    gone(left)
    assert kept.server_pid() != server


def test_draining_waits_for_the_last_connection_and_then_ends_the_server(keep: Keep) -> None:
    kept = keep().ready()
    server = kept.server_pid()
    with connected(kept.address) as wire:
        wire.sendall(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        kept.child.terminate()
        until(lambda: (kept.identity() or {}).get("state") == "draining", "it drains")
        assert b'"slow"' in wire.recv(65536)
        assert alive(server)
    assert kept.ended() == 0
    assert not alive(server)
    assert not Path(kept.address).exists()


def test_a_connection_that_never_ends_is_waited_for_no_longer_than_a_request_may_take(keep: Keep) -> None:
    kept = keep(time_seconds=-2.8).ready()
    with connected(kept.address):
        kept.child.terminate()
        assert kept.ended() == 0
    assert "1 connections are still open" in kept.log


@pytest.mark.parametrize("on_a_port", [False, True])
def test_a_server_that_answers_is_left_alone(keep: Keep, on_a_port: bool) -> None:
    kept = keep(impatient=True, time_seconds=0.1, port_number=free_port() if on_a_port else 0).ready()
    until(lambda: kept.get("/lived")[1] > 10, "it was asked for longer than a silence is borne")
    assert kept.child.poll() is None


def test_a_server_that_hangs_is_ended(keep: Keep) -> None:
    kept = keep(impatient=True, time_seconds=0.1).ready()
    server = kept.server_pid()
    os.kill(server, signal.SIGSTOP)
    assert kept.ended() == 1
    assert "the server hangs: it has answered nothing for" in kept.log
    gone(server)


def test_a_second_sigterm_ends_it_at_once(keep: Keep) -> None:
    kept = keep("stubborn").ready()
    server = kept.server_pid()
    kept.child.terminate()
    until(lambda: "draining" in kept.log, "it drains")
    kept.child.terminate()
    kept.ended()
    assert not alive(server)


def test_a_server_on_a_port_is_drained_as_well(keep: Keep) -> None:
    kept = keep("{port}", port_number=free_port()).ready()
    assert kept.get("/environment")[1]["arguments"] == [str(kept.port)]
    with connected(kept.port) as wire:
        wire.sendall(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        kept.child.terminate()
        assert b'"slow"' in wire.recv(65536)
    assert kept.ended() == 0


def test_memory_of_the_whole_tree_is_in_the_page(keep: Keep) -> None:
    kept = keep().ready()
    before = kept.load().memory_bytes
    kept.get("/child")
    kept.get("/grow")
    until(lambda: kept.load().memory_bytes > before + (60 << 20), "the page tells what was allocated")


def test_a_slot_has_one_keeper(keep: Keep, tmp_path: Path) -> None:
    kept = keep().ready()
    other = Kept(tmp_path)
    assert other.ended() == 1
    assert f"the slot is held by pid {kept.child.pid}" in kept.log
    assert kept.get("/v2")[0] == 200
