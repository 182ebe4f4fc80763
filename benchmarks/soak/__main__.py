"""``python -m benchmarks.soak``: the long run, its table, and its record in benchmarks/results/."""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import about, machine
from benchmarks.soak import service, told
from benchmarks.soak.course import Course, system

RESULTS = Path(__file__).parent.parent / "results"


def main() -> int:
    """Exit code 1 when a request or a change failed, or something grows."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description="Load, kills and updates for a long time.")
    parser.add_argument("--minutes", type=float, default=20.0, help="how long at least")
    parser.add_argument("--cycles", type=int, default=1_000, help="applies and rollbacks, spread over the time")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    parser.add_argument("--keep-nothing", action="store_true", help="print only; write no results")
    options = parser.parse_args()
    on, when = machine(), datetime.now(UTC)
    print(about(on))
    print(f"{options.minutes:g} minutes, {options.cycles} changes (settle {service.SETTLE})", flush=True)
    with tempfile.TemporaryDirectory() as folder, system(Path(folder)) as running:
        found = Course(running, seconds=60 * options.minutes, cycles=options.cycles, seed=options.seed).run()
        if found.report is not None and found.report.failed:
            print(running.tails(20), file=sys.stderr)
    print(told.text(found))
    if not options.keep_nothing:
        print(f"kept in {told.write(RESULTS, found, on, when)}")
    broken = told.failed(found)
    for each in broken:
        print(f"not kept: {each}", file=sys.stderr)
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
