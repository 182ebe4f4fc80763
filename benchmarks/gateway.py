"""What the gateway adds: p50 at one connection against a bare Envoy before the bare loop, and throughput.

The bound is on the ratio of the two medians of one run; wall-clock figures by themselves are only told.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import servers, tiny
from benchmarks.bare_envoy import bare_envoy
from benchmarks.figures import Figure
from benchmarks.spread import PAIRS, Spread, compare
from benchmarks.system import System
from benchmarks.wrk import wrk

RATIO_BOUND = 1.4
INFER = "/v2/models/tiny/infer"

FILE = """\
system: {name: bench}
models:
  tiny: {path: tiny.onnx}
services:
  rate:
    settle: 1s
    steps:
      classify: {model: tiny}
gateway: {port: 0}
"""
"""The tiny model as a service of one step, one replica."""


def figures(pairs: int = PAIRS, seconds: float = 3.0) -> Iterator[Figure]:
    """p50 of both and their ratio; then throughput and Envoy's CPU at 32 and 128 connections, both in turn."""
    with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b, System(Path(b)) as system:
        tiny.write(Path(b) / "tiny.onnx")
        system.file.write_text(FILE)
        ours = system.up()
        with servers.bare(Path(a)) as loop, bare_envoy(Path(a), loop.socket) as bare:
            theirs, mine = bare.url + INFER, ours.url.rstrip("/") + "/v2/models/rate/infer"
            for url in (theirs, mine):
                wrk(url, 1, 1)
            found = compare(lambda: wrk(theirs, 1, seconds).p50, lambda: wrk(mine, 1, seconds).p50, pairs)
            yield Figure("p50 at 1 connection, bare Envoy before the bare loop", "us", found.a)
            yield Figure("p50 at 1 connection, our gateway before our worker", "us", found.b)
            yield Figure("ratio of these two p50", "", found.ratio, RATIO_BOUND)
            assert ours.gateway.pid is not None
            for connections in (32, 128):
                gateways = {"bare": (theirs, bare.pid), "ours": (mine, ours.gateway.pid)}
                yield from _throughput(gateways, connections, pairs, seconds)


def _throughput(gateways: dict[str, tuple[str, int]], connections: int, turns: int, seconds: float) -> Iterator[Figure]:
    """Requests a second and Envoy's own CPU for each, of both gateways (URL, pid of Envoy) in turn."""
    rates: dict[str, list[float]] = {name: [] for name in gateways}
    costs: dict[str, list[float]] = {name: [] for name in gateways}
    for _ in range(turns):
        for name, (url, pid) in gateways.items():
            before = servers.cpu_ns(pid)
            measured = wrk(url, connections, seconds)
            costs[name].append((servers.cpu_ns(pid) - before) / 1e3 / measured.requests)
            rates[name].append(measured.per_second)
    for name in gateways:
        yield Figure(f"throughput at {connections} connections, {name}", "requests/s", Spread.of(rates[name]))
        yield Figure(f"CPU of Envoy a request at {connections} connections, {name}", "us", Spread.of(costs[name]))
