"""The inputs that are kept in the repository: few, small, and together they reach most of what was ever reached."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from time import process_time

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
MOST_KEPT, MOST_KEPT_BYTES = 50, 16 << 10
"""Of one target: inputs, and their bytes."""
MOST_SECONDS = 0.03
"""Of one input: each is replayed with the quick tests."""
MERGED_WITHIN_SECONDS = 600


def replay(names: list[str], paths: list[Path]) -> int:
    """Run a target on these inputs; 1 when one of them is a finding."""
    found = 0
    for name in names:
        for path in paths:
            try:
                TARGETS[name].run(path.read_bytes())
            except Exception:  # noqa: BLE001 - whatever it is, it is the finding
                found = 1
                print(f"{name}: {path}\n{traceback.format_exc()}")
            else:
                print(f"{name}: {path}: nothing found")
    return found


def fold(name: str, folder: Path) -> str:
    """Make the kept corpus of a target anew: of all inputs those that reach something more, the smallest first."""
    kept, grown = CORPUS / name, folder / "corpus" / name
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        # libFuzzer starts what stands first in argv once more to merge; it must be one program.
        again, merged = Path(made, "again"), Path(made, "merged")
        merged.mkdir()
        again.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.fuzz.guided {name} "{made}/findings" "$@"\n')
        again.chmod(0o700)
        subprocess.run(
            [again, "-merge=1", "-rss_limit_mb=2048", "-timeout=10", f"-artifact_prefix={made}/", merged, kept, grown],
            cwd=ROOT, timeout=MERGED_WITHIN_SECONDS, check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={"FUZZ_ARGV0": str(again), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        for path in kept.iterdir():
            path.unlink()
        reached = sorted(merged.iterdir(), key=lambda path: (path.stat().st_size, path.name))
        reached = [path for path in reached if _seconds(name, path.read_bytes()) < MOST_SECONDS]
        # Some of every size, rather than the small ones alone.
        chosen = reached[:: 1 + len(reached) // MOST_KEPT]
        while sum(path.stat().st_size for path in chosen) > MOST_KEPT_BYTES:
            chosen.pop()
        for path in chosen:
            shutil.copy(path, kept / path.name[:12])
    return f"{name}: {len(chosen)} of {len(list(grown.iterdir()))} inputs are kept"


def _seconds(name: str, data: bytes) -> float:
    begun = process_time()
    with contextlib.suppress(Exception):
        TARGETS[name].run(data)
    return process_time() - begun
