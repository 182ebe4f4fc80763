"""What a long run has found, as a table for people and as JSON for machines: what failed, and what grows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, Literal

import msgspec

from benchmarks.figures import about, aligned
from benchmarks.soak import service
from benchmarks.soak.course import Told
from benchmarks.soak.slopes import LEAST_POINTS, Slope, slope, verdict
from longspan.client.load import Report

MIB = 1 << 20
WARM_UP = 0.2
"""Of the time: what is seen in it says nothing about growth."""

BOUNDS: dict[str, float] = {
    "control: memory": 24 * MIB,
    "Envoy: memory": 24 * MIB,
    "a worker left alone: memory": 24 * MIB,
    "a worker, mean: memory": 24 * MIB,
    "control: descriptors": 6,
    "Envoy: descriptors": 60,
    "a worker left alone: descriptors": 6,
    "a worker, mean: descriptors": 60,
    "control: sockets": 6,
    "Envoy: sockets": 60,
    "a worker left alone: sockets": 6,
    "control: threads": 6,
    "Envoy: threads": 6,
    "a worker left alone: threads": 6,
    "processes": 6,
    "/dev/shm: files": 6,
    "run/: files": 6,
    "cache/: bytes": MIB,
}
"""Growth an hour that is called flat. Memory: a day of it would not fill half a gibibyte. Envoy keeps connections to
the workers, as many as were ever under way in the last minute; one that was lost with every update would be thousands.

What is kept on purpose has no bound: every generation can be gone back to, so the ledger has a row of each and the
vault a copy of each content; and logs are rotated at 64 MiB, not before.
"""
KEPT = ("ledger: bytes", "vault/: bytes", "logs/: bytes", "state: bytes")


@dataclass(frozen=True, slots=True)
class Growth:
    """One figure over the time."""

    what: str
    median: float
    first: float
    last: float
    slope: Slope
    bound: float | None

    @property
    def verdict(self) -> Literal["kept", "flat", "open", "grows"]:
        """``kept``: it may grow."""
        return "kept" if self.bound is None else verdict(self.slope, self.bound)


def growths(told: Told) -> list[Growth]:
    """Of each figure that has a bound, or is kept, and was seen often enough after the warm-up."""
    found = []
    for name in (*BOUNDS, *KEPT):
        points = [
            (at, value)
            for at, value in zip(told.at, told.seen.get(name, ()), strict=False)
            if at >= WARM_UP * told.at[-1] and not math.isnan(value)
        ]
        if len(points) >= LEAST_POINTS:
            seconds, values = zip(*points, strict=True)
            found.append(Growth(name, median(values), values[0], values[-1], slope(seconds, values), BOUNDS.get(name)))
    return found


def failed(told: Told) -> list[str]:
    """Promises that were not kept, in words; none of them: the run was good."""
    report = told.report
    assert report is not None, "a run that has ended has a report"
    found = [] if report.failed == 0 else [f"{report.failed} requests failed"]
    found += [f"a change: {text}" for text in told.unexplained]
    return found + [f"{one.what} grows" for one in growths(told) if one.verdict == "grows"]


def text(told: Told) -> str:
    """All of it in Markdown."""
    report = told.report
    assert report is not None, "a run that has ended has a report"
    changes = f"{told.changes} changes: {told.served} served ({told.rollbacks} of them rollbacks)"
    took = sorted(told.change_seconds)
    requests = f"{report.due} requests in {report.seconds:.0f} s: {report.ok} right, {report.failed} failed"
    back = f"{told.gone_back} went back since a replica of theirs was killed before it had settled"
    lines = [
        f"Load {told.rate:.0f} requests/s, 70% of {told.capacity:.0f}; settle {service.SETTLE}.",
        f"{requests}, {report.not_sent} not sent; {_milliseconds(report)}.",
        f"{changes}, {back}, {len(told.unexplained)} failed otherwise; {told.kills} replicas killed.",
        f"A change took {median(took):.2f} s, the slowest {took[-1]:.2f} s." if took else "No change was made.",
        "",
        table(growths(told)),
    ]
    lines += [
        f"\n- {one.count} x {one.text}: {one.first[0].status} {one.first[0].body_start}" for one in report.reasons
    ]
    return "\n".join(lines)


def table(found: Sequence[Growth]) -> str:
    """A line a figure."""
    rows: list[tuple[str, ...]] = [("figure", "first", "median", "last", "growth an hour", "interval", "bound", "")]
    for one in found:
        bytes_ = one.what.endswith(("memory", "bytes"))
        said = [_said(value, bytes_) for value in (one.first, one.median, one.last, one.slope.hourly)]
        interval = f"{_said(one.slope.least, bytes_)} .. {_said(one.slope.greatest, bytes_)}"
        bound = "" if one.bound is None else f"<= {_said(one.bound, bytes_)}"
        rows.append((one.what, *said, interval, bound, one.verdict))
    return aligned(rows)


def write(folder: Path, told: Told, on: dict[str, Any], when: datetime) -> Path:
    """``soak-DATE.md`` and ``.json`` in `folder`; the path of the first. The JSON has every look, too."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"soak-{when:%Y-%m-%dT%H%MZ}.md"
    report = told.report
    assert report is not None, "a run that has ended has a report"
    document = {
        "when": when.isoformat(timespec="seconds"),
        "machine": on,
        "rate": told.rate,
        "capacity": told.capacity,
        "requests": {"due": report.due, "ok": report.ok, "failed": report.failed, "not_sent": report.not_sent},
        "latency": asdict(report.latency),
        "changes": {"served": told.served, "gone_back": told.gone_back, "failed": told.unexplained},
        "rollbacks": told.rollbacks,
        "kills": told.kills,
        "growth": [asdict(one) | {"verdict": one.verdict} for one in growths(told)],
        "looks": {"at_seconds": told.at, **told.seen},
    }
    path.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    path.write_text(f"# Long run of {when:%Y-%m-%d %H:%M} UTC\n\n{about(on)}\n\n{text(told)}\n")
    return path


def _milliseconds(report: Report) -> str:
    of = report.latency
    return f"p50 {1e3 * of.p50:.1f} ms, p99 {1e3 * of.p99:.0f} ms, worst {1e3 * of.worst:.0f} ms"


def _said(value: float, bytes_: bool) -> str:
    return f"{value / MIB:.2f} MiB" if bytes_ else f"{value:.1f}"
