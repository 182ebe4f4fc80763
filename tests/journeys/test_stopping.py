"""Stopped is stopped: no process, socket, port, shared memory or temporary file; and nobody is started twice."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.system import COMMAND, System, alive, all_ready, copy_example, free_port, kill, port_taken
from longspan.client.messages import Status


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """examples/hello on a port that is free, with a folder of its own for temporary files."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with System(copy_example("hello", tmp_path), {"TMPDIR": str(temporary)}) as system:
        system.change("longspan.yaml", "port: 8080", f"port: {free_port()}")
        system.change("longspan.yaml", "    steps:\n", "    settle: 0s\n    steps:\n")
        yield system


def left_behind(system: System, port: int, processes: list[int]) -> list[str]:
    """What of a stopped system is still there, in words. Control may take a moment to go after its last answer."""
    system.ended()
    left = [f"process {pid}" for pid in {*processes, *system.processes()} if alive(pid)]
    left += [f"socket {path}" for path in system.folder.rglob("*") if path.is_socket()]
    left += [f"temporary file {path}" for path in Path(system.environment["TMPDIR"]).rglob("*")]
    left += [f"unfinished file {path}" for path in system.state.rglob("*.tmp")]
    return left + [f"port {port}"] * port_taken(port)


def shared_memory(pid: int) -> list[str]:
    """Files of /dev/shm that a process maps or holds open: those it could leave behind."""
    maps = [line.split(maxsplit=5)[-1] for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    held = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    return [name for name in (*maps, *held) if name.startswith("/dev/shm/")]


def test_down_leaves_nothing_behind(system: System) -> None:
    port = port_of(system.up())
    processes = system.processes()
    assert len(processes) >= 3, "control, Envoy and a worker"
    assert [shared_memory(pid) for pid in processes] == [[]] * len(processes)
    assert port_taken(port)
    system.run("down")
    assert left_behind(system, port, processes) == []


@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["ctrl-c", "sigterm", "sighup"])
def test_an_up_in_the_foreground_that_is_interrupted_leaves_nothing_behind(system: System, way: signal.Signals) -> None:
    output = system.folder / "up.txt"
    with output.open("wb") as file:
        up = subprocess.Popen(
            [COMMAND, "up"],
            cwd=system.folder,
            env=system.environment,
            stdout=file,
            stderr=file,
            stdin=subprocess.DEVNULL,
        )
    try:
        status = wait_for_serving(system, up)
        processes = system.processes()
        up.send_signal(way)
        up.wait(30)
    finally:
        up.kill()
    assert left_behind(system, port_of(status), processes) == [], output.read_text()


def test_down_without_a_control_stops_what_it_left(system: System) -> None:
    status = system.up()
    processes = system.processes()
    kill(status.control.pid)
    system.run("down")
    assert left_behind(system, port_of(status), processes) == []


def test_a_second_up_names_the_process_that_holds_the_system(system: System) -> None:
    status = system.up()
    code, text = system.ask("up")
    assert code == 1
    assert str(status.control.pid) in text
    assert "apply" in text
    after = system.status()
    # What replicas hold of memory may have moved; who runs has not.
    assert (after.generation, after.control, after.gateway) == (status.generation, status.control, status.gateway)
    assert [one.pid for unit in after.units for one in unit.replicas] == [
        one.pid for unit in status.units for one in unit.replicas
    ]


def test_a_port_in_use_names_who_holds_it_and_nothing_is_left(system: System) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        system.file.write_text(re.sub(r"port: \d+", f"port: {port}", system.file.read_text()))
        code, said = system.ask("up", "--detach")
        assert code == 1
        assert str(port) in said
        assert str(os.getpid()) in said
    assert system.processes() == []


def test_a_system_that_was_stopped_starts_again_as_the_same_generation(system: System) -> None:
    before = system.up()
    system.run("down")
    after = system.up()
    assert (after.generation, after.url) == (before.generation, before.url)
    assert system.ask("plan")[0] == 0


def wait_for_serving(system: System, up: subprocess.Popen[bytes]) -> Status:
    """What runs, once a foreground ``up`` serves."""
    until = time.monotonic() + 30
    while up.poll() is None and time.monotonic() < until:
        if system.ask("status", "--json")[0] == 0:
            return system.until("served", lambda status: status.generation is not None and all_ready(status))
        time.sleep(0.1)
    raise TimeoutError(f"up does not serve:\n{(system.folder / 'up.txt').read_text()}\n{system.tails()}")


def port_of(status: Status) -> int:
    return int(status.url.rstrip("/").rpartition(":")[2])
