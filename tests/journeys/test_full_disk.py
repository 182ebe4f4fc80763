"""The disk of the state folder is full, in a whole system: what serves goes on, what cannot be done is told, and all is
right again when there is room. Needs a small disk, which root may mount for itself alone."""

from __future__ import annotations

import http.client
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.system import System, kill, port_taken
from longspan.client.load import Background, Plan, Request
from longspan.client.messages import ReplicaView, Status
from longspan.system.troubles import MAKE_ROOM
from longspan.system.vault import survey
from tests.journeys.small_disks import NoDisk, on_a_small_disk

STEPS = """\
import os

def fills(content: bytes) -> bytes:
    with open("filling", "ab", buffering=0) as file:  # in the state folder: a step runs there
        piece = 1 << 20
        while piece:
            try:
                while True:
                    file.write(bytes(piece))
            except OSError:
                piece >>= 1
        file.write(b"one more")

def says(content: bytes) -> bytes:
    print("said", flush=True)
    return content
"""
FILE = """\
system: {name: full}
services:
  fills:
    settle: 0s
    accepts: {"*/*": step.content}
    answers: {application/octet-stream: step.result}
    steps: {step: {run: "steps:fills"}}
  says:
    settle: 0s
    replicas: 2
    accepts: {"*/*": step.content}
    answers: {application/octet-stream: step.result}
    steps: {step: {run: "steps:says", repeatable: true}}
gateway: {port: 0}
"""
DISK_BYTES = 24 << 20


def test_on_a_full_disk_what_serves_goes_on_and_all_is_right_again_when_there_is_room(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "longspan.yaml").write_text(FILE)
    system = System(tmp_path)
    system.state.mkdir()
    try:
        on_a_small_disk(system.state, DISK_BYTES, lambda: _filled_and_emptied(system))
    except NoDisk as error:
        pytest.skip(f"no disk can be mounted here ({error}): run it as root")


def _filled_and_emptied(system: System) -> None:
    with system:
        system.up()
        control, gateway = processes(system)
        told = {path: path.read_bytes() for path in system.state.glob("run/envoy/**/*.json")}
        assert told
        with Background(load(system)) as under_load:
            fill(system)
            victim = system.replicas("says")[0].pid
            kill(victim)
            under_load.mark("the disk is full, and a replica killed")
            system.until("seen dead", lambda now: [one.state for one in replicas(now, "says")].count("dead") == 1)
            system.change("steps.py", "return content", "return content.upper()")
            for command in ("apply", "scale says 3 --for 1h"):
                assert MAKE_ROOM in system.run(*command.split(), exits=1)
            for command in ("status", "top --once", "logs"):
                assert "says" in system.run(*command.split())
            assert processes(system) == (control, gateway)
            assert {path: path.read_bytes() for path in told} == told
            assert [one.state for one in system.replicas("says")].count("dead") == 1, "nobody can start it yet"
            make_room(system)
            under_load.mark("there is room")
            system.until_ready()
            system.run("apply")
            system.until_ready()
        assert under_load.report.clean, f"{under_load.report}\n{system.tails()}"
        assert processes(system) == (control, gateway)
        log = (system.state / "logs" / "control.log").read_text()
        assert "says/0: starting a replica: done, after" in log
        assert log.count("cannot be done") < 10, "told when it begins, not on each trip"
        assert "Traceback" not in log

        assert ask(system, "says") == (200, "WELL")
        fill(system)
        kill(gateway)
        system.until("another gateway", lambda now: now.gateway.pid not in (None, gateway))
        system.until("it listens", lambda now: port_taken(int(now.url.rpartition(":")[2])))
        assert ask(system, "says") == (200, "WELL"), "it reads what its predecessor was told"
        system.run("down")
        assert system.ended()
        make_room(system)
        whole(system.state)
        assert system.up().generation == 2
        assert ask(system, "says") == (200, "WELL")


def fill(system: System) -> None:
    """Let a step fill the disk; only its own request fails of it."""
    status, said = ask(system, "fills")
    assert (status, "step 'step' failed: OSError" in said) == (500, True), said
    assert not os.statvfs(system.state).f_bfree


def make_room(system: System) -> None:
    (system.state / "filling").unlink()


def whole(state: Path) -> None:
    """Nothing was damaged, and nothing is there by half."""
    with closing(sqlite3.connect(state / "state.db")) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    kept = list((state / "vault" / "code").iterdir())
    assert len(kept) == 2
    for tree in kept:
        assert survey(tree, leave_out=set(), limit_bytes=1 << 20).digest() == tree.name
    assert not list((state / "vault" / "new").iterdir())


def load(system: System) -> Plan:
    request = Request(path="/v1/services/says", body=b"well", content_type="text/plain")
    return Plan(address=system.address, requests=(request,), rate_per_second=100, seconds=300)


def replicas(status: Status, unit: str) -> list[ReplicaView]:
    return [one for each in status.units if each.name == unit for one in each.replicas]


def processes(system: System) -> tuple[int, int | None]:
    """Of control and of the gateway."""
    status = system.status()
    return status.control.pid, status.gateway.pid


def ask(system: System, service: str) -> tuple[int, str]:
    """Status and body of the answer."""
    connection = http.client.HTTPConnection(system.address, timeout=60)
    try:
        connection.request("POST", f"/v1/services/{service}", b"well", {"content-type": "application/octet-stream"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
