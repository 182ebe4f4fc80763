"""Outcomes side by side: a table for what was waited and paid, and plots of replicas and waits over time."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

from benchmarks.figures import aligned
from benchmarks.queue_model.outcome import Moment, Outcome
from longspan.client.plot import STYLES, plot

POINTS = 60
MOST = len(STYLES)
"""Outcomes that can be told apart in one plot."""


def table(outcomes: Mapping[str, Outcome]) -> str:
    """A line for each: times in milliseconds, replicas as their mean over time and the most there were."""
    rows: list[tuple[str, ...]] = [
        ("policy", "mean wait", "p50", "p95", "p99", "refused", "replicas", "most", "decisions")
    ]
    for name, found in outcomes.items():
        wanted = [moment.wanted for moment in found.moments]
        span = found.moments[-1].at - found.moments[0].at
        mean = found.replica_seconds() / span if span else float(wanted[0])
        waited = [found.mean_wait, *(found.percentile(share) for share in (0.5, 0.95, 0.99))]
        counts = str(found.refused), f"{mean:.2f}", str(max(wanted)), str(len(found.decided))
        rows.append((name, *(f"{1e3 * value:.1f} ms" for value in waited), *counts))
    return aligned(rows)


def plots(outcomes: Mapping[str, Outcome], width: int | None = None) -> str:
    """What came, the replicas of each outcome, and its 95th percentile, over time. At most `MOST` outcomes."""
    arrivals = next(iter(outcomes.values())).arrivals
    step = arrivals.seconds / POINTS
    ends = [step * (number + 1) for number in range(POINTS)]
    offered = [arrivals.offered(end - step, end) for end in ends]
    replicas = {name: [_ready(found.moments, end) for end in ends] for name, found in outcomes.items()}
    tails = {name: [_tail(found, end - step, end) for end in ends] for name, found in outcomes.items()}
    return "\n\n".join(
        [
            plot("offered", ends, {"replicas that it keeps busy": offered}, width=width),
            plot("ready", ends, replicas, unit="replicas", width=width),
            plot("p95", ends, tails, unit="ms", width=width),
        ]
    )


def decisions(found: Outcome, most: int = 12) -> list[str]:
    """The first changes of the count, in words."""
    lines = [f"{one.at:7.1f} s  {one.reason}" for one in found.decided[:most]]
    left = len(found.decided) - most
    return [*lines, f"... and {left} more"] if left > 0 else lines


def _ready(moments: Sequence[Moment], at: float) -> float:
    return float(moments[max(0, bisect_right(moments, at, key=lambda moment: moment.at) - 1)].ready)


def _tail(found: Outcome, start: float, end: float) -> float:
    """In milliseconds; NaN, and so a gap in the line, where nobody came or nobody was answered."""
    value = found.percentile(0.95, start, end)
    return 1e3 * value if math.isfinite(value) else math.nan
