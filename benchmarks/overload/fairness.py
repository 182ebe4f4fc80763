"""Who gets what when all together ask for more than there is?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.overload.service import Answers, asked, capacity
from benchmarks.overload.streams import ManyStreams
from benchmarks.system import System
from longspan.client.load import Background, Plan

TIMES = 3.0
MODEST, MODEST_SHARE = 5, 0.3
"""Connections that together ask for this part of the capacity, beside one that asks for `GREEDY` times as much as all
of them."""
GREEDY = 10
EQUAL = 16
SECONDS = 8.0


class Shared(NamedTuple):
    """Who got what, while all together asked for more than there is."""

    modest: tuple[float, ...]
    """Of what each modest connection asked for, the part that was answered."""
    greedy: float
    """Of what the greedy one asked for."""


def shared(system: System, service: str) -> Shared:
    """Modest connections beside one with many streams that asks for three times the capacity."""
    address, request = system.address, asked(service)
    rate = capacity(address, service)
    greedy = ManyStreams(address, request.path, request.body, GREEDY * MODEST_SHARE * rate)
    try:
        got = together(address, service, MODEST, MODEST_SHARE * rate)
    finally:
        greedy.close()
    return Shared(tuple(got), greedy.right / max(1, greedy.sent))


def equal(system: System, service: str) -> float:
    """Jain's index of what equal connections get that together ask for three times the capacity."""
    return jain(together(system.address, service, EQUAL, TIMES * capacity(system.address, service)))


def together(address: str, service: str, connections: int, rate: float) -> list[float]:
    """Of what each of so many equal connections asks for, the part that is answered rightly.

    Each has one request under way at most; what is due meanwhile is asked for in vain.
    """
    checks = [Answers() for _ in range(connections)]
    loads = [
        Background(
            Plan(
                address=address,
                requests=(asked(service),),
                rate_per_second=rate / connections,
                seconds=SECONDS,
                new_connection_every=0,
                in_flight=1,
                check=check,
                judged=(200, 503),
            )
        )
        for check in checks
    ]
    for load in loads:
        load.start()
    reports = [load.wait() for load in loads]
    if broken := [report for report in reports if report.failed]:
        raise RuntimeError(f"a connection was not answered rightly: {broken[0]}")
    right = [sum([one.status == 200 for one in check.came]) for check in checks]
    return [count / report.due for count, report in zip(right, reports, strict=True)]


def jain(shares: Sequence[float]) -> float:
    """Jain's index of fairness: 1 when all have the same, 1/n when one has all. Of at least one share over 0."""
    return sum(shares) ** 2 / (len(shares) * sum([share * share for share in shares]))
