"""Trips of a whole world in this process: real replicas and a real Envoy, no door."""

from __future__ import annotations

import os
import socket

from msgspec.structs import replace

from longspan.client.load import Background, Plan, Request
from longspan.control import http
from tests.control.worlds import Running

STEP = "def say(content: bytes) -> str:\n    return 'well'\n"
# A worker is told `run`; the child that reads the signatures is not.
NEVER_READY = f"import sys, time\nif 'run' in sys.argv:\n    time.sleep(600)\n{STEP}"


def test_after_a_first_generation_that_failed_the_next_one_has_its_port_and_nothing_is_routed_between(
    running: Running,
) -> None:
    first = running.apply(NEVER_READY, ready_within="1s")
    running.until(lambda: running.state(first.number) == "failed")
    running.until(lambda: not running.world.seen.replicas)
    assert running.world.seen.gateway.pid is not None
    assert running.world.seen.gateway.endpoints == frozenset()
    second = running.apply(STEP)
    running.until(lambda: running.state(second.number) == "serving")


def test_a_port_that_was_taken_before_envoy_came_is_told_and_is_all_that_waits(running: Running) -> None:
    accepted = running.apply(STEP)
    with socket.create_server(("127.0.0.1", running.port)):
        running.until(lambda: any(replica.state == "ready" for replica in running.world.seen.replicas))
        assert f"port {running.port} is in use by pid {os.getpid()}" in http.status(running.world).gateway.trouble
    running.until(lambda: running.state(accepted.number) == "serving")
    assert http.status(running.world).gateway.trouble == ""


def test_replicas_that_another_version_started_serve_until_those_of_this_one_do(running: Running) -> None:
    accepted = running.apply(STEP)
    running.until(lambda: running.state(accepted.number) == "serving")
    [before] = running.world.ledger.slots()
    request = Request(path="/v1/services/echo", body=b"0", content_type="application/octet-stream")
    plan = Plan(address=f"127.0.0.1:{running.port}", requests=(request,), rate_per_second=50.0, seconds=60.0)
    with Background(plan) as load:
        # The same work under another name, as a version that tells it in other words would have written it down.
        running.world.ledger.keep(replace(before, digest="0" * 64))
        running.until(lambda: [slot.slot for slot in running.world.ledger.slots()] == [1])
        running.until(lambda: not running.world.seen.moving)
    assert load.report.clean, load.report
    [after] = running.world.seen.replicas
    assert (after.state, after.slot.restarts, after.digest) == ("ready", 0, before.digest)


def test_a_generation_is_in_force_once_the_gateway_sends_to_its_replicas_alone(running: Running) -> None:
    first = running.apply(STEP)
    running.until(lambda: http.status(running.world).in_force == first.number)
    [old] = running.world.seen.gateway.endpoints
    second = running.apply(STEP.replace("well", "better"))
    held: list[tuple[int | None, frozenset[str]]] = []

    def look() -> bool:
        status = http.status(running.world)
        held.append((status.in_force, running.world.seen.gateway.endpoints))
        return status.in_force == second.number

    running.until(look)
    assert all(old in endpoints for in_force, endpoints in held if in_force == first.number)
    assert all(old not in endpoints for in_force, endpoints in held if in_force == second.number)
    assert running.state(second.number) == "serving"
