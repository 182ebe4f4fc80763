"""The program in C of `examples/polyglot`, compiled as its README says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def compiled(folder: Path, *options: str, name: str = "simhash") -> Path:
    """The program, compiled by the line of the README."""
    line = re.search(r"^cc .*$", (folder / "README.md").read_text(), re.MULTILINE)
    assert line is not None
    command = [*line[0].split("#")[0].split(), *options]
    command[command.index("simhash")] = name
    subprocess.run(command, cwd=folder, check=True, timeout=60, capture_output=True)
    return folder / name
