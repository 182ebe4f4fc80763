"""A request that its step dies of: two replicas, then 500 by the name of the step; no other request fails of it.

One system for all: services of one and of two replicas, a step apart, one in a server of somebody else's, and one that
must not run twice. Each has a paced load of good requests that are judged and never sent again, many of them under way
together with the poison.
"""

from __future__ import annotations

import http.client
import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.system import System
from longspan.client.load import Answer, Background, Plan, Request
from longspan.client.messages import Status

FILE = """\
system: {name: poison}
services:
  one:
    settle: 0s
    accepts: {"text/plain": say.text}
    answers: {text/plain: say.text}
    steps:
      say: {run: "steps:say", repeatable: true}
  two:
    replicas: 2
    settle: 0s
    accepts: {"text/plain": muse.text}
    answers: {text/plain: muse.text}
    steps:
      muse: {run: "steps:muse", repeatable: true}
  deep:
    settle: 0s
    accepts: {"text/plain": hear.text}
    answers: {text/plain: think.text}
    steps:
      hear: {run: "steps:muse", repeatable: true}
      think: {run: "steps:say", repeatable: true, apart: true, from: {text: hear.text}}
  theirs:
    settle: 0s
    accepts: {"text/plain": repeat.text}
    answers: {text/plain: repeat.text}
    steps:
      repeat:
        command: [python3, -S, dying.py, "{port}"]
        url: http://127.0.0.1:{port}
        replicas: 2
        repeatable: true
        inputs: {text: "BYTES[1]"}
        outputs: {text: "BYTES[1]"}
  once:
    settle: 0s
    accepts: {"text/plain": pay.text}
    answers: {text/plain: pay.text}
    steps:
      pay: {run: "steps:say"}
gateway: {port: 0}
"""
STEPS = '''\
import asyncio
import ctypes
import os
import signal
import sys
from typing import TypedDict


class Said(TypedDict):
    text: str


def say(text: str) -> Said:
    match text.removeprefix("die of "):
        case "os._exit":
            os._exit(0)
        case "a segfault":
            ctypes.string_at(0)
        case "abort":
            os.abort()
        case "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        case "sys.exit":
            sys.exit(3)
    return {"text": text}


async def muse(text: str) -> Said:
    """As `say`, and several are under way at once."""
    await asyncio.sleep(0.2)
    return say(text) if text.startswith("die of os._exit") else {"text": text}
'''
GOOD = tuple(f"{service} {number}" for service in ("one", "two", "deep", "theirs") for number in range(8))
RATE_PER_SECOND = 120.0
WITHIN_SECONDS = 30.0
REFUSED, DIED = "longspan_requests_poisonous_total{", "longspan_step_deaths_total{"


class Told(NamedTuple):
    status: int
    error: str


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("poison")
    (folder / "longspan.yaml").write_text(FILE)
    (folder / "steps.py").write_text(STEPS)
    shutil.copy(Path(__file__).with_name("dying.py"), folder)
    with System(folder) as system:
        system.up()
        yield system


def ask(system: System, service: str, text: str, request_id: str) -> Told:
    """One request, sent once."""
    client = http.client.HTTPConnection(system.address, timeout=WITHIN_SECONDS)
    try:
        headers = {"content-type": "text/plain", "x-request-id": request_id}
        client.request("POST", f"/v1/services/{service}", text.encode(), headers)
        answer = client.getresponse()
        return Told(answer.status, answer.read().decode())
    finally:
        client.close()


def test_two_replicas_die_of_a_request_then_it_is_told_by_its_step_and_nobody_else_is_hurt(system: System) -> None:
    poisons = {"one": "a segfault", "two": "os._exit", "deep": "SIGKILL", "theirs": "os._exit", "once": "abort"}
    with Background(good(system)) as load, ThreadPoolExecutor(len(poisons)) as pool:
        pass_some(load)
        load.mark("poison")
        asked = {
            name: pool.submit(ask, system, name, f"die of {way}", f"poison-{name}") for name, way in poisons.items()
        }
        told = {name: one.result() for name, one in asked.items()}
        load.mark("answered")
        system.until_ready()
        pass_some(load)
    assert load.report.clean, f"{load.report}\n{system.tails()}"
    for service, step in (("one", "say"), ("two", "muse"), ("deep", "think")):
        problem = f"step {step!r} of {service!r}: 2 replicas died of this request, so it is not run again"
        assert told[service] == (500, json.dumps({"error": problem}, separators=(",", ":")))
    problem = "step 'repeat' of 'theirs': its server was cut off 2 times by this request, so it is not run again"
    assert told["theirs"] == (500, json.dumps({"error": problem}, separators=(",", ":")))
    assert told["once"].status == 503
    assert "not sent again, because its step pay is not marked repeatable" in told["once"].error
    died = {"one": 2, "two": 2, "deep": 0, "deep.think": 2, "theirs": 0, "theirs.repeat": 2, "once": 1}
    assert deaths(system) == died
    until_counted(system, "theirs")
    for unit, step in (("one", "say"), ("two", "muse"), ("deep.think", "think")):
        until_counted(system, unit)
        assert total(system, DIED, f'unit="{unit}"', f'step="{step}"') == 2
    # Several of the good ones were under way with it, were suspected, ran alone and were answered.
    suspected = suspects(system)
    assert {f"poison-{name}" for name in ("one", "two", "deep")} < suspected
    assert "poison-once" not in suspected


def test_a_step_that_only_calls_sys_exit_fails_its_own_request_and_nothing_dies(system: System) -> None:
    before = deaths(system)
    answer = ask(system, "one", "die of sys.exit", "exits")
    assert answer.status == 500
    assert "step 'say' failed: SystemExit" in answer.error
    assert deaths(system) == before


def test_a_replica_that_dies_again_and_again_waits_longer_each_time_and_is_not_ready_meanwhile(system: System) -> None:
    died = deaths(system)["once"]
    for _ in range(2):
        assert ask(system, "once", "die of abort", "loops").status == 503
    looping = system.until("a crash loop", lambda status: state_of(status, "once") == "crash-loop")
    assert deaths(system)["once"] == died + 2
    assert {unit.name for unit in looping.units if all(one.state == "ready" for one in unit.replicas)} >= {"one", "two"}
    system.until("seen by the gateway", lambda _: get(system, "/v2/health/ready").status == 503)
    assert get(system, "/v2/models/one/ready").status == 200
    system.until_ready()
    assert ask(system, "once", "pay", "pays") == (200, "pay")


def get(system: System, path: str) -> Told:
    client = http.client.HTTPConnection(system.address, timeout=WITHIN_SECONDS)
    try:
        client.request("GET", path)
        answer = client.getresponse()
        return Told(answer.status, answer.read().decode())
    finally:
        client.close()


def total(system: System, name: str, *labels: str) -> float:
    """Sum of a metric's values that have these labels."""
    lines = get(system, "/-/metrics").error.splitlines()
    return sum(
        float(line.split()[-1]) for line in lines if line.startswith(name) and all(one in line for one in labels)
    )


def until_counted(system: System, unit: str) -> None:
    """Until the metrics tell of the one request that it refused: load pages are a second late."""
    system.until(f"counted for {unit}", lambda _: total(system, REFUSED, f'unit="{unit}"') == 1)


def suspects(system: System) -> set[str]:
    """Ids of those that ran alone, of the logs."""
    lines = [line for path in system.state.rglob("*.log") for line in path.read_text().splitlines()]
    return {json.loads(line)["request"] for line in lines if "runs alone" in line}


def state_of(status: Status, unit: str) -> str:
    return next(one.state for each in status.units if each.name == unit for one in each.replicas)


def good(system: System) -> Plan:
    requests = tuple(
        Request(path=f"/v1/services/{text.split()[0]}", body=text.encode(), content_type="text/plain", key=text)
        for text in GOOD
    )
    return Plan(address=system.address, requests=requests, rate_per_second=RATE_PER_SECOND, seconds=300, check=same)


def same(answer: Answer) -> str:
    return "" if answer.body == answer.key.encode() else "not what was sent"


def pass_some(load: Background, seconds: float = 0.5) -> None:
    until = load.seconds + seconds
    while load.seconds < until:
        time.sleep(0.02)


def deaths(system: System) -> dict[str, int]:
    return {unit.name: sum(one.restarts for one in unit.replicas) for unit in system.status().units}
