"""Trips of a whole world in this process: real replicas and a real Envoy, no door."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from longspan.capabilities.gateway.adapters import choose_port
from longspan.capabilities.generations import run as generations
from longspan.control import http
from longspan.control.stopping import Stopping
from longspan.control.waiting import Waiter
from longspan.control.world import World
from longspan.system.records import Generation

FILE = """\
system: {{name: small}}
services:
  echo:
    settle: 0s
    ready_within: {ready_within}
    accepts: {{"*/*": say.content}}
    answers: {{text/plain: say.result}}
    steps:
      say: {{run: "steps:say", repeatable: true}}
gateway: {{port: {port}}}
"""
STEP = "def say(content: bytes) -> str:\n    return 'well'\n"
# A worker is told `run`; the child that reads the signatures is not.
NEVER_READY = f"import sys, time\nif 'run' in sys.argv:\n    time.sleep(600)\n{STEP}"


class Running:
    """A world, and the trips of its control."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.waiter = folder, choose_port(), Waiter()
        self.world = World(folder / "longspan.yaml", folder / ".longspan", dict(os.environ), watch=self.waiter.watch)

    def apply(self, step: str, ready_within: str = "20s") -> Generation:
        (self.folder / "longspan.yaml").write_text(FILE.format(port=self.port, ready_within=ready_within))
        (self.folder / "steps.py").write_text(step)
        accepted, _ = generations.apply(
            self.world.generations, self.world.ledger, author="ada", on=None, now=time.time_ns()
        )
        assert accepted is not None
        return accepted

    def until(self, true: Callable[[], object]) -> None:
        """Make trips until something is true, for 30 s at most."""
        end = time.monotonic() + 30
        while not true():
            assert time.monotonic() < end
            self.world.trip()
            self.waiter.wait(0.05)

    def state(self, number: int) -> str:
        found = self.world.ledger.generation(number)
        return found.state if found and self.world.done(number) else ""

    def stop(self) -> None:
        stopping = Stopping(self.world, self.waiter.knock)
        stopping.ask(True)
        end = time.monotonic() + 30
        while not stopping.done:
            assert time.monotonic() < end
            stopping.trip()
            self.waiter.wait(0.05)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    running.stop()


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
