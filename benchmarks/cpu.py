"""CPU microseconds that a server spends on a request, at a paced rate, with a light client beside it.

To tune the worker by hand::

    python -m benchmarks.cpu              # bare loop against the worker, 2,000 and 5,000 requests/s
    python -m benchmarks.cpu --pairs 3 --seconds 2
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec

from benchmarks import servers, tiny
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


def microseconds(start: Start, rate: float, seconds: float) -> float:
    """CPU microseconds a request of a fresh process, after a warm-up with checked answers."""
    with tempfile.TemporaryDirectory() as folder, start(Path(folder)) as server:
        servers.pin(server.pid, 1)
        paced(server, min(rate, 1_000), 0.5, judge=True)
        paced(server, rate, 0.5)
        before = server.cpu_ns()
        report = paced(server, rate, seconds)
        return (server.cpu_ns() - before) / 1e3 / report.ok


def against_bare(rate: float, *, pairs: int = PAIRS, seconds: float = SECONDS) -> Compared:
    """The bare loop (a) and our worker (b) at `rate` requests/s."""
    with client_pinned():
        return compare(
            lambda: microseconds(servers.bare, rate, seconds),
            lambda: microseconds(servers.worker, rate, seconds),
            pairs,
        )


@contextmanager
def client_pinned() -> Iterator[None]:
    """This process on the first core for a while; children started inside are pinned after their start."""
    import os

    allowed = os.sched_getaffinity(0)
    servers.pin(0, 0)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


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
