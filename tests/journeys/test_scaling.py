"""A unit follows its load: it grows before anything fails, shrinks when it is calm, and says why, come what may.

The step takes 20 ms, so one replica can do 50 requests/s. Most of them it sleeps: what a replica can do must not
depend on what else the machine does. The windows are shortened and stand in the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.system import System, kill
from longspan.client.load import Background, Plan, Request
from longspan.client.messages import Status

FILE = """\
system: {name: burn}
services:
  burn:
    settle: 0s
    limits: {queue: 2048}
    scaling: {min: 1, max: 2, cpu: 75%, queue_wait: 50ms, panic_window: 2s, stable_window: 4s, calm: 4s}
    accepts: {"*/*": work.content}
    answers: {text/plain: result}
    steps:
      work: {run: "steps:work", repeatable: true}
gateway: {port: 0}
"""
STEPS = """\
import time
from typing import TypedDict


class Worked(TypedDict):
    result: str


def work(content: bytes) -> Worked:
    until = time.thread_time() + 0.002
    while time.thread_time() < until:
        pass
    time.sleep(0.018)
    return {"result": "done"}
"""
OTHER = "scaling: {min: 2, max: 2, queue_wait: 50ms}\n"
TOO_MUCH, LITTLE = 60.0, 8.0
"""Requests a second, for one replica."""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("burn")
    for name, text in (("longspan.yaml", FILE), ("steps.py", STEPS), ("policy.yaml", OTHER)):
        (folder / name).write_text(text)
    with System(folder) as system:
        system.up()
        yield system


def plan(system: System, rate: float) -> Plan:
    request = Request(path="/v1/services/burn", body=b"x", content_type="application/octet-stream")
    return Plan(address=system.address, requests=(request,), rate_per_second=rate, seconds=60)


def wanted(status: Status) -> int:
    return status.units[0].wanted


def ready(status: Status) -> int:
    return sum(replica.state == "ready" for replica in status.units[0].replicas)


def test_it_grows_before_a_request_fails_and_a_control_that_is_killed_meanwhile_changes_nothing(
    system: System,
) -> None:
    with Background(plan(system, TOO_MUCH)) as load:
        grown = system.until("scaled out", lambda status: wanted(status) == 2)
        load.mark("scaled out")
        kill(grown.control.pid)
        load.mark("control killed")
        system.run("up", "--detach")
        after = system.until("two serve", lambda status: ready(status) == 2)
        load.mark("two serve")
        assert wanted(after) == 2
        assert after.control.pid != grown.control.pid
    assert load.report.clean, f"{load.report}\n{system.tails()}"
    assert grown.units[0].reason.startswith("1 -> 2: ")
    assert after.units[0].reason == grown.units[0].reason
    assert "note: burn is scaled to 2 (1 -> 2: " in system.run("plan")


def test_it_shrinks_when_it_is_calm_and_no_request_fails(system: System) -> None:
    with Background(plan(system, LITTLE)) as load:
        system.until("scaled in", lambda status: wanted(status) == 1 and len(status.units[0].replicas) == 1)
    assert load.report.clean, f"{load.report}\n{system.tails()}"


def test_it_explains_what_it_did(system: System) -> None:
    told = system.run("scaling", "explain", "burn")
    assert "burn at " in told
    assert "min 1, max 2; grows by 4 in 2 s at most, shrinks by 1 in 4 s at most" in told
    assert "learnt: 1 replica was not enough at " in told
    assert "1 -> 2: " in told
    assert "2 -> 1: calm for 4 s" in told
    (explained,) = json.loads(system.run("scaling", "explain", "burn", "--json"))
    changes = [(change["before"], change["after"]) for change in explained["changes"]]
    assert changes[:2] == [(2, 1), (1, 2)]
    at = explained["changes"][1]["at"]
    assert "1 -> 2: " in system.run("scaling", "explain", "burn", "--at", at).splitlines()[1]


def test_it_shows_what_another_policy_would_have_done_on_the_same_load(system: System, tmp_path: Path) -> None:
    told = system.run("scaling", "replay", "burn", "--with", "policy.yaml")
    assert "the other policy, modelled" in told
    assert "queue wait (ms)" in told
    replayed = json.loads(system.run("scaling", "replay", "burn", "--with", "policy.yaml", "--json"))
    recorded, same, other = replayed["totals"]
    assert other["replica_hours"] > recorded["replica_hours"]
    assert other["mean_wait"] <= same["mean_wait"]
    assert replayed["decisions"][0]["reason"].startswith("1 -> 2: min is 2")


def test_who_holds_it_at_a_count_has_a_name_and_an_end(system: System) -> None:
    assert "burn: 1 -> 2, held until " in system.run("scale", "burn", "2", "--for", "10m")
    held = system.until("two serve", lambda status: ready(status) == 2)
    assert held.units[0].reason.startswith("pinned by ")
    assert "note: burn is held at 2 by " in system.run("plan")
    told = "stays at 2: held at 2 by "
    system.until("it is told", lambda _: told in system.run("scaling", "explain", "burn"))  # from the next tick on
    assert "burn is held no longer" in system.run("scale", "burn", "auto")
    system.until("one serves", lambda status: wanted(status) == 1 and len(status.units[0].replicas) == 1)
    assert "note: burn" not in system.run("plan")


def test_what_cannot_be_scaled_is_refused_in_words(system: System) -> None:
    assert "there is no unit bun. Did you mean burn?" in system.run("scale", "bun", "2", exits=1)
    assert "cannot be held at 65 replicas. Give 1 to 64" in system.run("scale", "burn", "65", exits=4)
    assert "'many' is no number of replicas" in system.run("scale", "burn", "many", exits=2)
    assert "nothing is recorded of bun: it does not scale" in system.run("scaling", "explain", "bun", exits=1)
    assert "cannot be read" in system.run("scaling", "replay", "burn", "--with", "nothing.yaml", exits=2)
