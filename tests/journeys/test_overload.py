"""A flood of several times what a service can do: refused in words, nothing grows, and then all is as before.

What a flood costs in time is measured by `benchmarks/overload`; here stands what does not depend on the machine.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator

import pytest

from benchmarks.overload.service import Answers, asked, running
from benchmarks.overload.streams import ManyStreams
from benchmarks.soak.census import process
from benchmarks.system import System
from longspan.client.load import Background, Plan, Report, run

SPIN = "spin"
FLOOD_PER_SECOND, FLOOD_SECONDS = 400.0, 1.5
"""Whatever the machine: a request takes 20 ms of CPU, so one replica answers 50 a second at most."""
GROWN_BYTES = 16 << 20


FILE = """\
system: {name: overload}
services:
  spin:
    settle: 100ms
    limits: {queue: 48}
    steps:
      spin: {run: "steps:spin", repeatable: true}
gateway: {port: 0}
"""


@pytest.fixture(scope="module")
def flooded() -> Iterator[System]:
    with running(FILE) as system:
        yield system


def plan(system: System, check: Answers, rate: float, seconds: float) -> Plan:
    return Plan(
        address=system.address,
        requests=(asked(SPIN),),
        rate_per_second=rate,
        seconds=seconds,
        new_connection_every=0,
        in_flight=2048,
        time_out_seconds=30,
        check=check,
        judged=(200, 503),
    )


def test_what_is_too_much_is_refused_in_words_and_the_rest_is_answered_rightly(flooded: System) -> None:
    before, check = memory(flooded), Answers()
    with Background(plan(flooded, check, FLOOD_PER_SECOND, FLOOD_SECONDS)) as load:
        report = load.wait()
    # `Answers` looks at each: a refusal is an OIP error with Retry-After, an answer is the right one.
    assert report.clean, report
    statuses = [one.status for one in check.came]
    assert {200, 503} == set(statuses)
    assert statuses.count(200) >= 48
    after = memory(flooded)
    assert after["Envoy"] - before["Envoy"] < GROWN_BYTES
    assert after["worker"] - before["worker"] < GROWN_BYTES
    calm = until_calm(flooded)
    assert calm.clean, calm


def test_a_modest_connection_takes_its_turn_beside_one_that_fills_the_line(flooded: System) -> None:
    asking = asked(SPIN)
    greedy = ManyStreams(flooded.address, asking.path, asking.body, FLOOD_PER_SECOND)
    host, _, port = flooded.address.rpartition(":")
    modest = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        until(lambda: greedy.refused > 0)
        for _ in range(5):
            before = greedy.right
            modest.request("POST", asking.path, asking.body, {"content-type": asking.content_type})
            answer = modest.getresponse()
            assert (answer.status, b'"data":[7]' in answer.read()) == (200, True)
            # More than forty had been there before it.
            assert greedy.right - before <= 10
    finally:
        modest.close()
        greedy.close()


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until it is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def memory(system: System) -> dict[str, int]:
    """Of Envoy and of the replica, in bytes."""
    status = system.status()
    pids = {"Envoy": status.gateway.pid, "worker": system.replicas(SPIN)[0].pid}
    return {role: seen.own_bytes for role, pid in pids.items() if pid and (seen := process(pid)) is not None}


def until_calm(system: System, seconds: float = 20.0) -> Report:
    """Ask a little until nothing is refused any more."""
    end = time.monotonic() + seconds
    while True:
        check = Answers()
        report = run(plan(system, check, 10.0, 0.5))
        if all(one.status == 200 for one in check.came) or time.monotonic() > end:
            return report
