"""What is measured, and how it is told: declared metrics and the Prometheus text format.

A room declares each metric once, as a `Metric` in a table of its own (``METRICS``); the reference
page is generated from those tables. A `Reading` is one value of one of them at the moment of
asking. `render` writes readings of any number of rooms as one page. Nothing here counts or keeps.

Source: Prometheus, "Exposition formats" (text format 0.0.4).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name with the unit in it, what it counts, and the names of its labels.

    Raises `ValueError` for a name outside ``[a-z0-9_]``, and for a counter whose name does not end
    in ``_total``.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.name, *self.labels):
            if _NAME.fullmatch(name) is None:
                raise ValueError(f"{name!r} is no name of a metric or label: lower-case letters, digits and _")
        if (self.kind == "counter") != self.name.endswith("_total"):
            raise ValueError(f"{self.name!r}: counters, and only counters, end in _total")


@dataclass(frozen=True, slots=True)
class Distribution:
    """Value of a histogram: how many observations were at most each bound, counted from below.

    `buckets` are (upper bound, cumulative count) in rising order, without the infinite one.
    """

    buckets: tuple[tuple[float, int], ...]
    total: float
    """Sum of all observations, in the metric's unit."""
    count: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one metric. `labels` are the values, in the order of `metric.labels`.

    Raises `ValueError` when their number differs, or when a histogram comes without its
    `Distribution` (or another metric with one).
    """

    metric: Metric
    labels: tuple[str, ...]
    value: float | Distribution

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.metric.labels):
            raise ValueError(f"{self.metric.name} has the labels {self.metric.labels}, got {self.labels}")
        if isinstance(self.value, Distribution) != (self.metric.kind == "histogram"):
            raise ValueError(f"{self.metric.name} is a {self.metric.kind}, got {type(self.value).__name__}")


def render(readings: Iterable[Reading]) -> str:
    """Readings -> one page of the Prometheus text format, metrics and labels in alphabetical order."""
    pages: dict[str, list[Reading]] = {}
    for reading in readings:
        pages.setdefault(reading.metric.name, []).append(reading)
    lines: list[str] = []
    for name, page in sorted(pages.items()):
        metric = page[0].metric
        lines += [f"# HELP {name} {_escape_help(metric.help)}", f"# TYPE {name} {metric.kind}"]
        for reading in sorted(page, key=lambda one: one.labels):
            lines += _lines(reading)
    return "".join(f"{line}\n" for line in lines)


def _lines(reading: Reading) -> list[str]:
    name, value = reading.metric.name, reading.value
    labels = list(zip(reading.metric.labels, reading.labels, strict=True))
    if not isinstance(value, Distribution):
        return [f"{name}{_braces(labels)} {_number(value)}"]
    counts = [*value.buckets, (math.inf, value.count)]
    lines = [f"{name}_bucket{_braces([*labels, ('le', _number(bound))])} {count}" for bound, count in counts]
    return [
        *lines,
        f"{name}_sum{_braces(labels)} {_number(value.total)}",
        f"{name}_count{_braces(labels)} {value.count}",
    ]


def _braces(labels: list[tuple[str, str]]) -> str:
    inner = ",".join(f'{name}="{_escape_label(value)}"' for name, value in labels)
    return f"{{{inner}}}" if inner else ""


def _number(value: float) -> str:
    """Whole numbers without a point; infinities and NaN as the format spells them."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1 << 53 else repr(float(value))


def _escape_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _escape_label(text: str) -> str:
    return _escape_help(text).replace('"', r"\"")
