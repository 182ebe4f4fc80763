"""The figures of the floods."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.figures import Figure
from benchmarks.overload.fairness import EQUAL, equal, shared
from benchmarks.overload.flood import Flooded, flood
from benchmarks.overload.service import REPLICAS, running
from benchmarks.spread import PAIRS, Spread

LEAST_GOODPUT, REFUSED_MILLISECONDS, RECOVERED_SECONDS, GROWN_MIB = 0.9, 10.0, 2.0, 8.0
LEAST_FAIR = 0.9


def figures(_pairs: int = PAIRS) -> Iterator[Figure]:
    """Of both services, one flood each: it has thousands of requests."""
    with running() as system:
        for service in REPLICAS:
            yield from _told(service, flood(system, service))
            share = shared(system, service)
            modest = Spread.of([1 - part for part in share.modest])
            yield Figure(
                f"{service}: unanswered of a modest connection beside a greedy one", "", modest, 1 - LEAST_FAIR
            )
            yield _one(service, "answered of the greedy one", "", share.greedy)
            fair = equal(system, service)
            yield _one(service, f"1 - Jain's index of {EQUAL} equal connections", "", 1 - fair, 1 - LEAST_FAIR)


def _one(service: str, what: str, unit: str, value: float, bound: float | None = None) -> Figure:
    return Figure(f"{service}: {what}", unit, Spread.of([value]), bound)


def _told(service: str, found: Flooded) -> Iterator[Figure]:
    yield _one(service, "capacity", "requests/s", found.capacity)
    yield _one(service, "capacity over goodput in the flood", "", found.capacity / found.goodput, 1 / LEAST_GOODPUT)
    yield _one(service, "refusals, p50", "ms", 1e3 * found.refused.p50)
    yield _one(service, "refusals, p99", "ms", 1e3 * found.refused.p99, REFUSED_MILLISECONDS)
    yield _one(service, "admitted in the flood, p50", "ms", 1e3 * found.admitted.p50)
    yield _one(service, "admitted in the flood, p99", "ms", 1e3 * found.admitted.p99)
    yield _one(service, "calm before it, p95", "ms", 1e3 * found.calm.p95)
    yield _one(service, "normal again after", "s", found.recovery_seconds, RECOVERED_SECONDS)
    for role, grown in found.growth_bytes.items():
        yield _one(service, f"memory of the {role}, grown in the flood", "MiB", grown / (1 << 20), GROWN_MIB)
