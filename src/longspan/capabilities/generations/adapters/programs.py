"""Are the programs there that `command:` starts?

One with a slash in it stands in the folder of the file, or is named by its whole path; any other is looked for on PATH.
What they need besides (a script, a library) only they know: that is told as they start.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from longspan.base.errors import Complaint
from longspan.spec.load import Loaded
from longspan.spec.servers import programs


def missing(loaded: Loaded, folder: Path, on_path: str) -> list[Complaint]:
    """A complaint for each program that cannot be started. `on_path`: the PATH that replicas are given."""
    found = []
    for at, program in programs(loaded.system):
        problem, remedy = _wrong(program, folder, on_path)
        if problem:
            found.append(loaded.complaint(at, problem, remedy))
    return found


def left_out(loaded: Loaded, files: Iterable[str]) -> list[Complaint]:
    """A complaint for each program of the folder that is not among the `files` that are copied."""
    copied = set(files)
    remedy = "Take it out of .gitignore: replicas run from a copy of the folder without what that names"
    return [
        loaded.complaint(at, "is not copied with the code", remedy)
        for at, program in programs(loaded.system)
        if _inside(program) and os.path.normpath(program) not in copied
    ]


def _wrong(program: str, folder: Path, on_path: str) -> tuple[str, str]:
    if "/" not in program:
        there = shutil.which(program, path=on_path) is not None
        return ("", "") if there else ("is no program on PATH", f"Install it, or write ./{program} if it is here")
    file = folder / program
    if _inside(program) and not file.resolve().is_relative_to(folder.resolve()):
        return "leaves the folder of longspan.yaml, of which replicas have a copy", "Put the program into the folder"
    if not file.is_file():
        where = "beside longspan.yaml" if _inside(program) else "on this machine"
        return f"is no file {where}", "Build it first, or correct its path"
    if not os.access(file, os.X_OK):
        return "cannot be executed", f"chmod +x {program}"
    return "", ""


def _inside(program: str) -> bool:
    """Is it one of the folder?"""
    return "/" in program and not program.startswith("/")
