"""One flood: calm, three times the capacity, calm again, as one load."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.overload.service import Answers, Came, asked, capacity
from benchmarks.soak.census import process
from benchmarks.system import System
from longspan.client.load import Arrivals, Background, Latency, Plan, Report

TIMES = 3.0
CALM = 0.5
"""Of the capacity, before and after the flood."""
CALM_SECONDS, FLOOD_SECONDS, AFTER_SECONDS = 4.0, 12.0, 6.0
WINDOW_SECONDS = 0.5
NORMAL = 2.0
"""Back to normal: 95 of 100 take at most so many times what they took before."""


@dataclass(frozen=True)
class Flooded:
    """What came of one flood. Rates are requests a second, times seconds."""

    capacity: float
    goodput: float
    refused: Latency
    admitted: Latency
    calm: Latency
    recovery_seconds: float
    """From the end of the flood until the latency is normal for good."""
    growth_bytes: dict[str, int]
    """Role -> memory at the end of the flood over that in its first third."""
    report: Report


def flood(system: System, service: str) -> Flooded:
    """Calm, flood, calm again. Raises `RuntimeError` when an answer was not right."""
    address, request = system.address, asked(service)
    rate = capacity(address, service)
    calm, answers = CALM * rate, Answers([])
    times = [n / calm for n in range(int(CALM_SECONDS * calm))]
    times += [CALM_SECONDS + n / (TIMES * rate) for n in range(int(FLOOD_SECONDS * TIMES * rate))]
    ends = CALM_SECONDS + FLOOD_SECONDS
    times += [ends + n / calm for n in range(int(AFTER_SECONDS * calm))]
    plan = Plan(
        address=address,
        requests=(request,),
        schedule=Arrivals(tuple(times)),
        new_connection_every=0,
        in_flight=4096,
        time_out_seconds=40,
        check=answers,
        judged=(200, 503),
    )
    with Background(plan) as load:
        early = _memory_at(load, system, service, CALM_SECONDS + FLOOD_SECONDS / 3)
        late = _memory_at(load, system, service, ends)
        load.wait()
    report = load.report
    if not report.clean:
        raise RuntimeError(f"the flood was not answered rightly: {report}")
    sent = {one.number: one for one in answers.came}
    first, last = int(CALM_SECONDS * calm), int(CALM_SECONDS * calm) + int(FLOOD_SECONDS * TIMES * rate)
    during = [sent[number] for number in range(first, last)]
    before = Latency.of(report.nanoseconds[:first])
    # What still waits when the flood ends was taken in by it and is answered afterwards: that is no goodput.
    done = sum(
        one.status == 200 and at + report.nanoseconds[number] / 1e9 <= ends
        for number, (one, at) in enumerate(zip(during, times[first:last], strict=True), first)
    )
    return Flooded(
        capacity=rate,
        goodput=done / FLOOD_SECONDS,
        refused=_latency(during, 503),
        admitted=_latency(during, 200),
        calm=before,
        recovery_seconds=_recovery(report, ends, NORMAL * before.p95, [sent[n].status for n in range(len(sent))]),
        growth_bytes={role: late[role] - early[role] for role in late},
        report=report,
    )


def _latency(came: Sequence[Came], status: int) -> Latency:
    return Latency.of([round(1e9 * one.seconds) for one in came if one.status == status])


def _recovery(report: Report, ends: float, normal_seconds: float, statuses: Sequence[int]) -> float:
    """Seconds after `ends` from which on every window has nothing but right answers, 95 of 100 of them normal."""
    start, recovered = ends, ends
    while (window := report.window(start, start + WINDOW_SECONDS)).due:
        begun = report.schedule.before(start)
        refused = any(status != 200 for status in statuses[begun : begun + window.due])
        start += WINDOW_SECONDS
        if refused or window.latency.p95 > normal_seconds:
            recovered = start
    return recovered - ends


def _memory_at(load: Background, system: System, service: str, seconds: float) -> dict[str, int]:
    """Role -> bytes, when the load has run for so long."""
    while load.seconds < seconds:
        time.sleep(0.02)
    status = system.status()
    found = {}
    for role, pids in (
        ("Envoy", [status.gateway.pid]),
        ("worker", [one.pid for unit in status.units if unit.name == service for one in unit.replicas]),
    ):
        found[role] = sum(one.own_bytes for pid in pids if pid and (one := process(pid)) is not None)
    return found
