"""How soon is it there, and how much does it hold: a worker, the command line, `longspan up`."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import servers, tiny
from benchmarks.cpu import check, paced
from benchmarks.figures import Figure
from benchmarks.spread import PAIRS, Spread
from benchmarks.system import COMMAND, System, copy_example, free_port
from longspan.base.errors import RequestError, Unreachable
from longspan.client.load import Request
from longspan.client.sync import Client

HEAVY = ("sqlalchemy", "pydantic", "fastapi", "onnxruntime")
"""What `longspan --help` must not import."""


def figures(runs: int = PAIRS) -> Iterator[Figure]:
    """Ready time and memory of a worker with the tiny model, the help's time and imports, the first answer."""
    ready, memory = [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder, servers.worker(Path(folder)) as server:
            paced(server, Request(path=server.path, body=tiny.infer_body()), 1_000, 1.0, check)
            ready.append(server.ready_seconds)
            memory.append(server.memory_bytes() / (1 << 20))
    yield Figure("worker with the tiny model, ready after", "s", Spread.of(ready), 1.0)
    yield Figure(
        "worker with the tiny model, memory after 1,000 requests", "MiB", Spread.of(memory), 120 * 1e6 / (1 << 20)
    )
    yield Figure("longspan --help, time", "s", Spread.of([_help_seconds() for _ in range(runs)]))
    yield Figure(f"longspan --help, imported of {', '.join(HEAVY)}", "", Spread.of([float(len(imported()))]), 0.0)
    yield Figure(
        "longspan up on hello, first answer after", "s", Spread.of([_first_answer() for _ in range(runs)]), 4.0
    )


def imported() -> list[str]:
    """Which of `HEAVY` does ``longspan --help`` import?"""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", COMMAND, "--help"], capture_output=True, text=True, check=True
    )
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    return [name for name in HEAVY if name in names]


def _help_seconds() -> float:
    began = time.monotonic()
    subprocess.run([COMMAND, "--help"], capture_output=True, check=True)
    return time.monotonic() - began


def _first_answer() -> float:
    """Seconds from the start of ``longspan up`` in a fresh folder to the first 200, asked every 20 ms."""
    with tempfile.TemporaryDirectory() as folder, System(copy_example("hello", Path(folder))) as system:
        port = free_port()
        system.change("longspan.yaml", "port: 8080", f"port: {port}")
        gateway = Client(f"http://127.0.0.1:{port}", timeout=2.0, retry=None)
        flower = (system.folder / "flower.json").read_bytes()
        began = time.monotonic()
        up = threading.Thread(target=system.run, args=("up", "--detach"))
        up.start()
        try:
            while time.monotonic() < began + 60:
                with contextlib.suppress(Unreachable, RequestError):
                    gateway.send("flower", flower, media_type="application/json")
                    return time.monotonic() - began
                time.sleep(0.02)
        finally:
            up.join()
    raise RuntimeError("hello did not answer within a minute")
