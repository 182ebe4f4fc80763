"""What does the table of a benchmark say of a bound?"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figure, machine, table, write
from benchmarks.spread import Spread


def figure(least: float, median: float, greatest: float, bound: float | None) -> Figure:
    return Figure("something", "us", Spread(median, least, greatest), bound)


def test_a_verdict_is_kept_open_or_missed_and_there_is_none_without_a_bound() -> None:
    assert figure(1, 2, 9, bound=7).verdict == "kept"
    assert figure(1, 8, 9, bound=7).verdict == "open"
    assert figure(7.5, 8, 9, bound=7).verdict == "missed"
    assert figure(1, 2, 3, bound=None).verdict == ""


def test_the_table_shows_median_interval_bound_and_verdict() -> None:
    text = table([figure(7.5, 8.25, 1234.5, bound=7)])
    assert text.splitlines()[0].split() == ["|", "figure", "|", "median", "|", "interval", "|", "bound", "|", "|"]
    assert [cell.strip() for cell in text.splitlines()[2].split("|")[1:-1]] == [
        "something",
        "8.25 us",
        "7.50 .. 1,234",
        "<= 7.00",
        "missed",
    ]


def test_results_are_kept_with_machine_versions_and_date(tmp_path: Path) -> None:
    when = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
    path = write(tmp_path / "results", [figure(1, 2, 3, bound=7)], machine(), when)
    assert path.name == "2026-11-24T1030Z.md"
    assert "onnxruntime" in path.read_text()
    kept = json.loads(path.with_suffix(".json").read_text())
    assert kept["when"] == "2026-11-24T10:30:00+00:00"
    assert kept["figures"][0]["verdict"] == "kept"
    assert kept["machine"]["cores"] >= 1
