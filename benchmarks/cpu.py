"""CPU microseconds that a server spends on a request, at a paced rate, with a light client beside it.

To tune the worker by hand::

    python -m benchmarks.cpu              # bare loop against the worker, 2,000 and 5,000 requests/s
    python -m benchmarks.cpu --pairs 3 --seconds 2
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec

from benchmarks import servers, tiny
from benchmarks.figures import Figure
from benchmarks.spread import PAIRS, Compared, compare
from longspan.client.load import Answer, Plan, Report, Request, run

RATES = (2_000, 5_000)
SECONDS = 4.0
BOUND_MICROSECONDS = 7.0

Start = Callable[[Path], AbstractContextManager[servers.Server]]


def check(answer: Answer) -> str:
    """Are these the scores of `tiny.ROW`?"""
    scores = msgspec.json.decode(answer.body)["outputs"][0]["data"]
    return "" if all(abs(x - y) < 1e-5 for x, y in zip(scores, tiny.expected(), strict=True)) else "other scores"


def paced(server: servers.Server, rate: float, seconds: float, judge: bool = False) -> Report:
    """One load over kept connections; anything but right answers raises `RuntimeError`."""
    request = Request(path=server.path, body=tiny.infer_body())
    report = run(
        Plan(
            address=f"unix:{server.socket}",
            requests=(request,),
            rate_per_second=rate,
            seconds=seconds,
            new_connection_every=0,
            check=check if judge else None,
        )
    )
    if not report.clean:
        raise RuntimeError(f"the load was not clean: {report}")
    return report


def microseconds(start: Start, rate: float, seconds: float, cores: list[int]) -> float:
    """CPU microseconds a request of a fresh process on the second of `cores`, after a warm-up with checked answers."""
    with tempfile.TemporaryDirectory() as folder, start(Path(folder)) as server:
        servers.pin(server.pid, 1, cores)
        paced(server, min(rate, 1_000), 0.5, judge=True)
        paced(server, rate, 0.5)
        before = servers.cpu_ns(server.pid)
        report = paced(server, rate, seconds)
        return (servers.cpu_ns(server.pid) - before) / 1e3 / report.ok


def against_bare(rate: float, *, pairs: int = PAIRS, seconds: float = SECONDS) -> Compared:
    """The bare loop (a) and our worker (b) at `rate` requests/s."""
    with client_pinned() as cores:
        return compare(
            lambda: microseconds(servers.bare, rate, seconds, cores),
            lambda: microseconds(servers.worker, rate, seconds, cores),
            pairs,
        )


def figures(pairs: int = PAIRS, seconds: float = SECONDS) -> Iterator[Figure]:
    """For each rate the bare loop, the worker, and what the worker costs over it."""
    for rate in RATES:
        found = against_bare(rate, pairs=pairs, seconds=seconds)
        yield Figure(f"CPU a request at {rate:,}/s, bare loop", "us", found.a)
        yield Figure(f"CPU a request at {rate:,}/s, worker", "us", found.b)
        yield Figure(f"CPU a request at {rate:,}/s, worker over bare loop", "us", found.difference, BOUND_MICROSECONDS)


@contextmanager
def client_pinned() -> Iterator[list[int]]:
    """This process on the first of its cores for a while; gives the cores it had."""
    cores = sorted(os.sched_getaffinity(0))
    servers.pin(0, 0, cores)
    try:
        yield cores
    finally:
        os.sched_setaffinity(0, cores)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rate", type=int, action="append")
    options = parser.parse_args()
    for each in options.rate or RATES:
        found = against_bare(each, pairs=options.pairs, seconds=options.seconds)
        print(
            f"{each}/s: bare {found.a.median:.1f} us [{found.a.least:.1f}..{found.a.greatest:.1f}], "
            f"worker {found.b.median:.1f} us [{found.b.least:.1f}..{found.b.greatest:.1f}], over bare "
            f"{found.difference.median:+.1f} us [{found.difference.least:+.1f}..{found.difference.greatest:+.1f}]"
        )
