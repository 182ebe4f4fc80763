"""A whole world in this process: real replicas and a real Envoy, no door, and a clock that can be turned on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from longspan.capabilities.gateway.adapters import choose_port
from longspan.capabilities.generations import run as generations
from longspan.control.stopping import Stopping
from longspan.control.waiting import Waiter
from longspan.control.world import World
from longspan.system.records import Generation

FILE = """\
system: {{name: small}}
services:
  echo:
    settle: 0s
    {many}
    resources: {resources}
    ready_within: {ready_within}
    accepts: {{"*/*": say.content}}
    answers: {{text/plain: say.result}}
    steps:
      say: {{run: "steps:say", repeatable: true}}
gateway: {{port: {port}}}
"""


class Running:
    """A world, and the trips of its control."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.waiter = folder, choose_port(), Waiter()
        self.ahead_seconds = 0
        """So far is the world's clock turned on."""
        self.world = World(
            folder / "longspan.yaml",
            folder / ".longspan",
            dict(os.environ),
            watch=self.waiter.watch,
            clock=self.now,
        )

    def now(self) -> int:
        return time.time_ns() + self.ahead_seconds * 1_000_000_000

    def file(self, step: str, ready_within: str = "20s", resources: str = "{}", many: str = "replicas: 1") -> None:
        """Write the files of the system."""
        file = FILE.format(port=self.port, ready_within=ready_within, resources=resources, many=many)
        (self.folder / "longspan.yaml").write_text(file)
        (self.folder / "steps.py").write_text(step)

    def apply(
        self, step: str, ready_within: str = "20s", resources: str = "{}", many: str = "replicas: 1"
    ) -> Generation:
        """Write them, and accept them."""
        self.file(step, ready_within, resources, many)
        accepted, _ = generations.apply(
            self.world.generations, self.world.ledger, author="ada", on=None, now=self.now()
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
