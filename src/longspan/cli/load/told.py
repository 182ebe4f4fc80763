"""What became of a load, for people and for scripts. Pure: a report and looks in, lines or one object out."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from longspan.cli.load.course import Look
from longspan.client.load import Latency, Progress, Ramp, Report, Schedule, Steady, Window
from longspan.client.plot import STYLES, bars, drawn

_POINTS = 60
"""Most points of a plot over time."""
_LEAST_REQUESTS = 3
"""In a point of it, on the mean: fewer make a rate that jumps."""
_SLOW_SECONDS = 5.0
"""A latency that is told in seconds rather than milliseconds."""
_STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0, 600.0, 3600.0)
_LEVELS = ("p50", "p90", "p95", "p99", "p999", "worst")


@dataclass(frozen=True, slots=True)
class Told:
    """A load that has ended: whose, where, with what, and what became of it."""

    service: str
    url: str
    bodies: int
    body_bytes: int
    """Of all bodies together."""
    report: Report
    looks: tuple[Look, ...]


def headline(service: str, url: str, schedule: Schedule, seconds: float, bodies: int, body_bytes: int) -> str:
    """What is about to be sent, in one line."""
    mean = body_bytes / bodies
    size = f"{mean:.0f} bytes" if mean < 1000 else f"{mean / 1e3:,.1f} kB"
    many = f"{bodies:,} bodies of {size} on average" if bodies > 1 else f"one body of {size}"
    return f"load of {service} at {url}: {_rates(schedule)} for {seconds:g} s, {many}"


def progress(now: Progress, look: Look, seconds: float) -> str:
    """How it stands, in one line."""
    ready = sum(look.ready.values())
    parts = [f"{min(now.seconds, seconds):5.1f} of {seconds:g} s", f"{now.due:,} due", f"{now.ok:,} ok"]
    parts += [f"{now.failed:,} failed"] if now.failed else []
    parts += [f"{now.not_sent:,} not sent"] if now.not_sent else []
    parts += [f"p50 {_ms(now.latency.p50)}, p95 {_ms(now.latency.p95)} (last second)"] if now.latency.count else []
    return "   ".join([*parts, f"{ready} replica{'s' * (ready != 1)}"])


def lines(told: Told) -> Iterator[str | Text]:
    """All that people are told, line by line; a plot is one text of several lines."""
    report = told.report
    yield from (f"{mark.at_seconds:7.2f} s  {mark.text}" for mark in report.marks)
    yield (
        f"{report.due:,} requests due in {report.seconds:.1f} s: {report.ok:,} ok, {report.failed:,} failed, "
        f"{report.not_sent:,} not sent; {report.connections:,} connection{'s' * (report.connections != 1)}"
    )
    yield from _honest(report)
    if report.latency.count:
        levels = "   ".join(f"{_shown(name)} {_ms(getattr(report.latency, name))}" for name in _LEVELS)
        yield f"latency   {levels}"
        yield ""
        rows = [(f"to {_ms(bound)}", count) for bound, count in histogram(report.nanoseconds)]
        yield bars("answers by latency, from when each was due", rows)
    for reason in report.reasons:
        yield ""
        yield Text(f"{reason.count:,} x {reason.text}", style="red")
        for one in reason.first:
            # It came from outside: nothing of it may steer a terminal.
            body = "".join(letter if letter.isprintable() else " " for letter in one.body_start).strip()
            said = f": {body}" if body else ""
            yield f"    at {one.at_seconds:.2f} s, request {one.number} ({one.key}){said}"
    windows = _windows(report)
    if len(windows) > 1:
        yield ""
        yield from _plots(told, windows)


def _honest(report: Report) -> Iterator[str]:
    """What the client itself did not keep up with: who reads figures must know whose they are."""
    if report.not_sent:
        yield f"{report.not_sent:,} were not sent: as many as --connections allows were unanswered already"
    if report.late:
        share = report.late / max(1, report.due - report.not_sent)
        yield (
            f"this client could not keep the pace: {report.late:,} ({share:.1%}) were sent over 10 ms late, the worst "
            f"{_ms(report.worst_lag_seconds)}; that is part of their latency"
        )


def _plots(told: Told, windows: Sequence[Window]) -> Iterator[Text | str]:
    step = windows[0].end - windows[0].start
    x = [window.start for window in windows]
    marks = [mark.at_seconds for mark in told.report.marks]
    rates = {"due": [w.due / step for w in windows], "ok": [w.ok / step for w in windows]}
    yield drawn("requests", x, rates, unit="1/s", height=7, marks=marks)
    yield ""
    unit, factor = ("s", 1.0) if told.report.latency.p95 >= _SLOW_SECONDS else ("ms", 1e3)
    levels = {name: [getattr(w.latency, name) * factor for w in windows] for name in ("p95", "p50")}
    yield drawn("latency", x, levels, unit=unit, height=7, marks=marks)
    yield ""
    series = {unit: [float(ready.get(unit, 0)) for ready in _ready(told.looks, windows)] for unit in _units(told.looks)}
    if len(series) > len(STYLES):
        series = {"all units": [sum(column) for column in zip(*series.values(), strict=True)]}
    if series:
        yield drawn("ready replicas", x, series, height=5, marks=marks)


def json(told: Told) -> dict[str, Any]:
    """One object for scripts. Seconds throughout; a percentile of nothing is null."""
    report = told.report
    windows = _windows(report)
    return {
        "service": told.service,
        "url": told.url,
        "bodies": told.bodies,
        "rate": _rates(report.schedule),
        "seconds": report.seconds,
        "due": report.due,
        "sent": report.due - report.not_sent,
        "ok": report.ok,
        "failed": report.failed,
        "not_sent": report.not_sent,
        "late": report.late,
        "worst_lag_seconds": report.worst_lag_seconds,
        "connections": report.connections,
        "latency_seconds": _levels(report.latency),
        "histogram": [{"le_seconds": bound, "count": count} for bound, count in histogram(report.nanoseconds)],
        "failures": [
            {"reason": reason.text, "count": reason.count, "first": list(reason.first)} for reason in report.reasons
        ],
        "marks": list(report.marks),
        "timeline": [
            {"start": window.start, "due": window.due, "ok": window.ok, "failed": window.failed}
            | {"p50": window.latency.p50, "p95": window.latency.p95, "ready": ready}
            for window, ready in zip(windows, _ready(told.looks, windows), strict=True)
        ],
    }


def histogram(nanoseconds: Sequence[int]) -> list[tuple[float, int]]:
    """Answers by latency: (upper bound in seconds, count), from the first to the last bound that any fell below.

    Bounds are 1, 2 and 5 times the powers of ten.
    """
    answered = sorted(value for value in nanoseconds if value >= 0)
    if not answered:
        return []
    bounds = [factor * 10.0**power for power in range(-6, 5) for factor in (1, 2, 5)]
    first, last = (bisect_left(bounds, value / 1e9) for value in (answered[0], answered[-1]))
    below = [bisect_right(answered, round(bound * 1e9)) for bound in bounds[first : last + 1]]
    counts = [here - before for before, here in zip([0, *below], below, strict=False)]
    return list(zip(bounds[first : last + 1], counts, strict=True))


def _windows(report: Report) -> tuple[Window, ...]:
    """The load over time, in round steps: no more than a plot has points for, and not of a few requests each."""
    length = report.schedule.due_ns(report.due - 1) / 1e9 if report.due else 0.0
    least = max(length / _POINTS, _LEAST_REQUESTS * length / max(1, report.due))
    return report.timeline(next((step for step in _STEPS if step >= least), _STEPS[-1]))


def _ready(looks: Sequence[Look], windows: Sequence[Window]) -> Iterator[dict[str, int]]:
    """The fewest ready replicas that were seen in each window, the last look before it included: a dip is shown."""
    times = [look.at_seconds for look in looks]
    units = _units(looks)
    for window in windows:
        first = max(0, bisect_right(times, window.start) - 1)
        within = looks[first : max(first + 1, bisect_left(times, window.end))]
        yield {unit: min(look.ready.get(unit, 0) for look in within) for unit in units}


def _units(looks: Sequence[Look]) -> list[str]:
    return list(dict.fromkeys(unit for look in looks for unit in look.ready))


def _rates(schedule: Schedule) -> str:
    match schedule:
        case Steady(rate):
            return f"{rate:g} requests/s"
        case Ramp(first, last):
            return f"{first:g} to {last:g} requests/s"
    return "requests as recorded"


def _levels(latency: Latency) -> dict[str, float | None]:
    return {name: None if math.isnan(level := getattr(latency, name)) else level for name in _LEVELS}


def _shown(level: str) -> str:
    return {"p999": "p99.9"}.get(level, level)


def _ms(seconds: float) -> str:
    """Three figures, as people compare them."""
    if seconds >= 1:
        return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"
    ms = seconds * 1e3
    return f"{ms:.3g} ms"
