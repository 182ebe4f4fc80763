"""CPU microseconds that a server spends on a request, at a paced rate, with a light client beside it.

To tune the worker by hand::

    python -m benchmarks.cpu              # bare loop against the worker, 2,000 and 5,000 requests/s
    python -m benchmarks.cpu --pairs 3 --seconds 2
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks import servers, tiny
from benchmarks.figures import Figure
from benchmarks.spread import PAIRS, Compared
from longspan.client.load import Answer, Check, Plan, Report, Request, run

RATES = (2_000, 5_000)
SECONDS = 4.0
BOUND_MICROSECONDS = 7.0
MOST_NOT_SENT = 0.05
TRIES = 8

OF_THE_GATEWAY = (
    ("x-request-id", "6b3d8a9e-0c41-4f7e-9a55-27d1c08e4b12"),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-proto", "http"),
    ("x-envoy-attempt-count", "1"),
    ("longspan-connection", "17"),
)
"""What the gateway adds to each request: a worker reads some of it, and notes the id."""

TURNS = (0, 1, 1, 0) * 2
"""Whose turn it is within a pair: the first variant's or the second's."""


def check(answer: Answer) -> str:
    """Are these the scores of `tiny.ROW`?"""
    scores = msgspec.json.decode(answer.body)["outputs"][0]["data"]
    return "" if all(abs(x - y) < 1e-5 for x, y in zip(scores, tiny.expected(), strict=True)) else "other scores"


def paced(server: servers.Server, request: Request, rate: float, seconds: float, judge: Check | None = None) -> Report:
    """One load over kept connections, few enough for a server's backlog when the machine stalls for a moment.

    Raises `RuntimeError` when an answer was not right.
    """
    report = run(
        Plan(
            address=f"unix:{server.socket}",
            requests=(request,),
            rate_per_second=rate,
            seconds=seconds,
            new_connection_every=0,
            in_flight=64,
            check=judge,
        )
    )
    if report.failed:
        raise RuntimeError(f"the load was not clean: {report}")
    return report


class Meter:
    """CPU of one running server and the requests it answered, added up over several short loads."""

    def __init__(
        self,
        server: servers.Server,
        cores: list[int],
        request: Request | None = None,
        judge: Check = check,
        *,
        warm_up: float = 1_000,
    ) -> None:
        """`request`: None for a row of the tiny model. `warm_up`: requests a second, before anything is measured; of
        these each answer is judged."""
        self._server = server
        self._request = request or Request(path=server.path, body=tiny.infer_body(), headers=OF_THE_GATEWAY)
        self._cpu_ns = self._requests = 0
        servers.pin(server.pid, 1, cores)
        paced(server, self._request, warm_up, 0.5, judge)

    def load(self, rate: float, seconds: float) -> None:
        """One load; the clock is read right before and after it, so that idling between loads is not counted.

        A load during which the machine stalled was not one at `rate`: it is left out and sent again. Raises
        `RuntimeError` when that happens again and again.
        """
        for _ in range(TRIES):
            before = servers.cpu_ns(self._server.pid)
            report = paced(self._server, self._request, rate, seconds)
            if report.not_sent <= MOST_NOT_SENT * report.due:
                self._cpu_ns += servers.cpu_ns(self._server.pid) - before
                self._requests += report.ok
                return
        raise RuntimeError(f"this machine cannot keep up {rate:.0f} requests/s; is it busy with something else?")

    @property
    def microseconds(self) -> float:
        """CPU microseconds a request."""
        return self._cpu_ns / 1e3 / self._requests


def against_bare(rate: float, *, pairs: int = PAIRS, seconds: float = SECONDS) -> Compared:
    """The bare loop (a) and our worker (b) at `rate` requests/s: `pairs` times a fresh process of each, loaded in
    turn, A B B A A B B A, for `seconds` each in all. On a machine that others use too, only slices this short meet
    the same weather.
    """
    return Compared.of([_pair(rate, seconds) for _ in range(pairs)])


def _pair(rate: float, seconds: float) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b, client_pinned() as cores:
        with servers.bare(Path(a)) as bare, servers.worker(Path(b)) as worker:
            meters = Meter(bare, cores), Meter(worker, cores)
            for turn in TURNS:
                meters[turn].load(rate, seconds / TURNS.count(turn))
            return meters[0].microseconds, meters[1].microseconds


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
