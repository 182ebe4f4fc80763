"""Has somebody saved something beside the file, and have they finished?

By looking: names, times and sizes, without inotify, so that it works on every file system. A change counts
when two looks in a row agree, for an editor writes in several steps.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

LIMIT = 10_000
"""Most files that are looked at; what lies beyond is not watched."""

_SKIPPED = frozenset({"__pycache__", "node_modules"})

Looks = dict[str, tuple[int, int]]


class Saves:
    """Watches the folder of a file: step code, models and the file itself."""

    def __init__(self, folder: Path, state: Path) -> None:
        self._folder, self._state = folder, os.path.realpath(state)
        self._known = self._last = self._look()

    def happened(self) -> bool:
        """Was something saved since this last was true? Look some tenths of a second apart."""
        seen = self._look()
        quiet, self._last = seen == self._last, seen
        if seen == self._known or not quiet:
            return False
        self._known = seen
        return True

    def _look(self) -> Looks:
        looks: Looks = {}
        for entry in _files(str(self._folder), self._state):
            try:
                found = entry.stat()
            except OSError:  # gone between listing and looking: the next look tells
                continue
            looks[entry.path] = (found.st_mtime_ns, found.st_size)
            if len(looks) >= LIMIT:
                break
        return looks


def _files(folder: str, state: str) -> Iterator[os.DirEntry[str]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    if any(entry.name == "pyvenv.cfg" for entry in entries):
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _SKIPPED:
            continue
        if not entry.is_dir(follow_symlinks=False):
            yield entry
        elif os.path.realpath(entry.path) != state:
            yield from _files(entry.path, state)
