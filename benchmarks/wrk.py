"""wrk, a load generator in C: as many requests as a number of connections can carry, one after the other on each."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import msgspec

from benchmarks import tiny

SCRIPT = Path(__file__).with_suffix(".lua")


class Measured(msgspec.Struct, frozen=True):
    """One run of wrk. Latencies are microseconds from the sending of a request to its whole answer."""

    requests: int
    microseconds: int
    p50: float
    p99: float
    failed: int

    @property
    def per_second(self) -> float:
        """Requests answered in a second."""
        return self.requests / self.microseconds * 1e6


def wrk(url: str, connections: int, seconds: float) -> Measured:
    """Infer the tiny model's row at `url`. Raises `RuntimeError` when wrk is missing or any request failed."""
    program = shutil.which("wrk")
    if program is None:
        raise RuntimeError("wrk is not on PATH. On Debian and Ubuntu: apt-get install wrk")
    command = [program, "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "-s", str(SCRIPT), url]
    environment = {**os.environ, "BODY": tiny.infer_body().decode()}
    text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    line = next(line for line in text.splitlines() if line.startswith("{"))
    measured = msgspec.json.decode(line, type=Measured)
    if measured.failed or not measured.requests:
        raise RuntimeError(f"{measured.failed} of {measured.requests} requests to {url} failed:\n{text}")
    return measured
