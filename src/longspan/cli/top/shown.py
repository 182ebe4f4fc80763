"""How does what a system does now look to people? Pure: rates in, tables out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from longspan.client.messages import Status
from longspan.client.moments import local, zone
from longspan.client.rates import Rates, UnitRate
from longspan.client.scaling import DecisionView
from longspan.client.terminal import table
from longspan.client.views import STYLES, headline, memory, troubles


def picture(status: Status, now: Rates, decisions: Sequence[DecisionView]) -> Iterator[Table | Text]:
    """Everything, from top to bottom; what there is nothing of is left out."""
    yield headline(status)
    yield Text(f"over the last {now.seconds:.1f} s", style="dim")
    for made in (_services(now), _steps(now), _units(now), _decisions(decisions)):
        if made.row_count:
            yield Text()
            yield made
    if lines := list(troubles(status)):
        yield Text()
        yield from (Text(line) for line in lines)


def _services(now: Rates) -> Table:
    made = _table("service", numbers=("requests/s", "p50", "p95", "errors/s", "in flight", "queued"))
    for one in now.services:
        made.add_row(
            one.name,
            _rate(one.requests_per_second),
            _ms(one.p50_seconds),
            _ms(one.p95_seconds),
            _alarming(_rate(one.errors_per_second), one.errors_per_second > 0),
            str(one.in_flight),
            str(one.queued),
        )
    return made


def _steps(now: Rates) -> Table:
    padded = any(not math.isnan(one.padding) for one in now.steps)
    made = _table("service", "step", "unit", numbers=("runs/s", "mean", "waiting", *(["padding"] if padded else ())))
    for one in now.steps:
        padding = [] if not padded else ["" if math.isnan(one.padding) else f"{one.padding:.0%}"]
        cells = (_rate(one.runs_per_second), _ms(one.mean_seconds), str(one.waiting), *padding)
        made.add_row(one.service, one.name, one.unit, *cells)
    return made


def _units(now: Rates) -> Table:
    made = _table(
        "unit", "replicas", numbers=("wanted", "cpu", "memory"), last="why" * any(one.reason for one in now.units)
    )
    for one in now.units:
        states = Text(", ").join(Text(f"{count} {state}", STYLES[state]) for state, count in one.states.items())
        limit = f" of {memory(one.memory_limit_bytes)}" if one.memory_limit_bytes else ""
        held = memory(one.memory_bytes) + limit
        near = bool(one.memory_limit_bytes) and one.memory_bytes > 0.9 * one.memory_limit_bytes
        why = [one.reason] if any(other.reason for other in now.units) else []
        made.add_row(one.name, states, str(one.wanted), _cpu(one), _alarming(held, near), *why)
    return made


def _decisions(decisions: Sequence[DecisionView]) -> Table:
    """The latest of each unit that scales, the newest first."""
    made = _table("decision of", f"at ({zone()})" if decisions else "at", numbers=("replicas",), last="because")
    for one in sorted(decisions, key=lambda one: one.at, reverse=True):
        replicas = str(one.after) if one.before == one.after else f"{one.before} to {one.after}"
        made.add_row(one.unit, local(one.at), replicas, one.reason)
    return made


def _table(*texts: str, numbers: tuple[str, ...], last: str = "") -> Table:
    """A table whose numbers stand on the right; `last` takes the room that is left."""
    made = table(*texts)
    for name in numbers:
        made.add_column(name, justify="right", no_wrap=True)
    if last:
        made.add_column(last, overflow="ellipsis", no_wrap=True)
    return made


def _cpu(one: UnitRate) -> str:
    """The share of what was granted; where nothing was, the cores that it takes."""
    return f"{one.cores:.2f} cores" if math.isnan(one.cpu) else f"{one.cpu:.0%}"


def _rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:.1f}"


def _ms(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds * 1e3:,.0f} ms" if seconds >= 0.1 else f"{seconds * 1e3:.3g} ms"


def _alarming(text: str, so: bool) -> Text:
    return Text(text, style="bold red" if so else "")
