"""The real command, as a person calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LONGSPAN = Path(sys.executable).parent / "longspan"


def longspan(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``longspan WORDS`` in a folder and return how it ended and what it said."""
    return subprocess.run(
        [LONGSPAN, *words],
        cwd=cwd,
        env=os.environ | {"COLUMNS": "100"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
