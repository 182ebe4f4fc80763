"""``python -m benchmarks``: measure, print the table, keep it in benchmarks/results/.

::

    python -m benchmarks                    # all of it, about nine minutes on two cores
    python -m benchmarks cpu gateway        # parts of it; --help names them
    python -m benchmarks --pairs 3 --keep-nothing
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import (
    agreement,
    client,
    cpu,
    file_type,
    gateway,
    megabyte,
    ramp,
    read_text,
    remote,
    replica,
    scaling,
    start,
)
from benchmarks.figures import Figure, about, machine, table, write
from benchmarks.overload import told as overload
from benchmarks.spread import PAIRS

RESULTS = Path(__file__).parent / "results"
PARTS: dict[str, Callable[[int], Iterator[Figure]]] = {
    "start": start.figures,
    "cpu": cpu.figures,
    "megabyte": megabyte.figures,
    "gateway": gateway.figures,
    "overload": overload.figures,
    "file-type": file_type.figures,
    "read-text": read_text.figures,
    "remote": remote.figures,
    "client": client.figures,
    "scaling": scaling.figures,
    "replica": replica.figures,
    "model": agreement.figures,
    "ramp": ramp.figures,
}


def main() -> int:
    """Exit code 1 when a bound was missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="What Longspan costs over the bare limit."
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="how often each pair of variants is measured")
    parser.add_argument("--keep-nothing", action="store_true", help="print only; write no results")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    on, when = machine(), datetime.now(UTC)
    figures: list[Figure] = []
    print(about(on), flush=True)
    for name in options.parts or PARTS:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        figures += PARTS[name](options.pairs)
    print(table(figures))
    if not options.keep_nothing:
        print(f"kept in {write(RESULTS, figures, on, when)}")
    return int(any(figure.verdict == "missed" for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
