"""The fuzzers' door: ``python -m tests.fuzz [TARGET...] [--minutes N]``, as `scripts/fuzz` opens it.

Each target has a process of its own and an equal share of the time. What it found is kept in a folder, beside a corpus
that grows; a table at the end tells it all. Exit code 1 when there is a finding.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.corpus import fold, replay
from tests.fuzz.driver import Told, fuzz
from tests.fuzz.targets import TARGETS

LEAST_SECONDS = 5


def main() -> int:
    asked = _asked()
    names = asked.targets or list(TARGETS)
    if asked.replay:
        return replay(names, asked.replay)
    seconds = max(LEAST_SECONDS, int(60 * asked.minutes * asked.jobs / len(names)))
    print(
        f"{len(names)} targets, {asked.jobs} at once, {seconds} s each; all of it is kept in {asked.folder}", flush=True
    )
    with ThreadPoolExecutor(asked.jobs) as pool:
        told = list(pool.map(lambda name: _one(name, asked.folder, seconds), names))
    print(_table(told))
    for one in told:
        for path in one.findings:
            print(f"\n{one.target}: {path}\n  scripts/fuzz {one.target} --replay {path}")
            said = path.with_name(f"{path.name}.txt")
            if said.exists():
                print("  " + "\n  ".join(said.read_text().splitlines()[-4:]))
    if asked.fold:
        for name in names:
            print(fold(name, asked.folder))
    return int(any(one.findings for one in told))


def _one(name: str, folder: Path, seconds: int) -> Told:
    told = fuzz(name, folder, seconds)
    print(f"{name}: {told.runs} runs, {len(told.findings)} findings", flush=True)
    return told


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description="Coverage-guided fuzzing of parsers and codecs.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all when none is named")
    parser.add_argument("--minutes", type=float, default=10.0, metavar="N", help="for all of them together (10)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="so many at once (cores)")
    parser.add_argument("--folder", type=Path, default=Path(".fuzz"), help="for corpus, findings and logs (.fuzz)")
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FILE", help="run one target on these, and no fuzzer")
    parser.add_argument("--fold", action="store_true", help="bring what was new into tests/fuzz/corpus, minimised")
    asked = parser.parse_args()
    if unknown := set(asked.targets) - set(TARGETS):
        parser.error(f"no target is called {', '.join(sorted(unknown))}; there is {', '.join(TARGETS)}")
    if asked.replay and len(asked.targets) != 1:
        parser.error("--replay needs the one target to run")
    asked.folder = asked.folder.absolute()
    return asked


def _table(told: list[Told]) -> str:
    lines = [f"\n{'target':<10}{'runs':>12}{'runs/s':>10}{'coverage':>10}{'corpus':>8}{'findings':>10}"]
    lines += [
        f"{one.target:<10}{one.runs:>12,}{one.runs / max(1.0, one.seconds):>10,.0f}{one.coverage:>10,}{one.corpus:>8,}"
        f"{len(one.findings):>10,}"
        for one in told
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
