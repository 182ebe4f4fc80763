"""Steps that hang, in a whole system: each replica is given up, told about, and another takes its place."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.system import System

STEPS = """\
import ctypes, time

async def holds(content: bytes) -> bytes:
    while content == b"hang":  # in C, and with the interpreter: nobody else in this process gets a turn
        ctypes.PyDLL(None).sleep(3600)
    return content

def sleeps(content: bytes) -> bytes:
    if content == b"hang":
        time.sleep(3600)
    return content
"""
SERVICE = """
  {0}:
    settle: 0s
    limits: {{time: 1s}}
    accepts: {{"*/*": step.content}}
    answers: {{application/octet-stream: step.result}}
    steps: {{step: {{run: "steps:{0}"}}}}
"""
UNITS = ("holds", "sleeps")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("hanging")
    (folder / "steps.py").write_text(STEPS)
    services = "".join(SERVICE.format(unit) for unit in UNITS)
    (folder / "longspan.yaml").write_text(f"system: {{name: hang}}\nservices:{services}\ngateway: {{port: 0}}\n")
    with System(folder) as system:
        system.up()
        yield system


def test_a_hung_replica_is_replaced_whoever_has_to_end_it_and_its_log_says_where_it_hung(system: System) -> None:
    before = {unit: system.replicas(unit)[0].pid for unit in UNITS}
    with ThreadPoolExecutor(40) as callers:
        hanging = [callers.submit(ask, system, unit, b"hang") for unit in UNITS]
        behind = []
        while system.replicas("sleeps")[0].pid == before["sleeps"]:
            behind.append(callers.submit(ask, system, "sleeps", b"well"))
            time.sleep(0.05)
        answers = [one.result() for one in hanging]
        # Those whose time was not over when the replica gave up are answered by the next one.
        assert {one.result() for one in behind} - {answers[1]} == {(200, b"well")}
    assert [status for status, _ in answers] == [504, 504]
    system.until(
        "both anew", lambda _: all(system.replicas(unit)[0].pid not in (None, before[unit]) for unit in UNITS), 60
    )
    system.until_ready()
    assert [ask(system, unit, b"well") for unit in UNITS] == [(200, b"well")] * 2
    shown = system.run("status")
    assert "sleeps/0 ended: exit code 124, it gave itself up since a step hung, " in shown
    assert "holds/0 ended: killed: hung: it has answered nothing" in shown
    itself, by_control = system.run("logs", "sleeps"), system.run("logs", "holds")
    assert "step 'step' hangs: it has not come back" in itself
    assert "exit code 124, it gave itself up since a step hung" in itself
    assert "killed: hung: it has answered nothing and written no load page" in by_control
    assert "in holds" in by_control, "the stacks of a process whose interpreter nobody gets"


def ask(system: System, unit: str, body: bytes) -> tuple[int, bytes]:
    """Status and body of the answer."""
    connection = http.client.HTTPConnection(system.address, timeout=60)
    try:
        connection.request("POST", f"/v1/services/{unit}", body, {"content-type": "application/octet-stream"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
