"""The logs of a state folder: one file for each slot, one for Envoy, one for control, the access log.

Child output goes to files, never to pipes of control, so control may die. Each file is rotated at
64 MiB and one old one kept; a worker writes to a descriptor opened for appending, so its file is
copied away and cut, never renamed under it.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections import deque
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from longspan.serving.output import cut

ROTATE_AT_BYTES = 64 << 20
_OF_ENVOY = ("envoy", "access")
_TAIL_BYTES = 1 << 16
_LINE_BYTES = 1 << 16
_SHOWN_CHARACTERS = 4000
_KEPT_LINES = 500
_LOOKED_BACK_BYTES = 1 << 20


class Logs:
    """All logs below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)

    def open(self, unit: str, slot: int) -> BinaryIO:
        """The log of a slot, opened for appending."""
        return open(os.open(self._of(unit, slot), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb", buffering=0)

    def note(self, unit: str, slot: int, text: str) -> None:
        """Write a line of control's into the log of a slot."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        with self.open(unit, slot) as log:
            log.write(f"{at} control: {text}\n".encode())

    def tail(self, unit: str, slot: int, lines: int = 10) -> tuple[str, ...]:
        """The last lines of a slot's log, those of its last process."""
        try:
            with self._of(unit, slot).open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
                text = log.read().decode(errors="replace")
        except FileNotFoundError:
            return ()
        return tuple(line.rstrip()[:_SHOWN_CHARACTERS] for line in text.splitlines() if line.strip())[-lines:]

    def rotate(self) -> None:
        """Put each log over its size aside, in place of the one before it. Envoy's are the gateway's business."""
        for path in self.folder.glob("*.log"):
            if path.stem not in _OF_ENVOY and path.stat().st_size >= ROTATE_AT_BYTES:
                cut(str(path), most=ROTATE_AT_BYTES)

    def lines(self, *, unit: str = "", request: str = "", follow: bool = False) -> Generator[str, None, None]:
        """Lines as ``SOURCE | TEXT``: the last ones of each log, then new ones as they come, and an empty one
        whenever there is nothing new: the caller pauses, or goes.

        With `request`, every line of the kept logs that holds that id instead of the last ones.
        """
        readers: dict[Path, BinaryIO] = {}
        try:
            while True:
                quiet = True
                for path in self._files(unit):
                    first = path not in readers
                    reader = readers.get(path) or readers.setdefault(path, path.open("rb"))
                    aside = _put_aside(reader, path)  # asked first: what is read after it is all there was
                    fresh = self._first(path, reader, request) if first else self._fresh(reader)
                    for line in fresh:
                        if request and request not in line:
                            continue
                        quiet = False
                        yield f"{path.stem} | {line}\n"
                    if aside:
                        readers.pop(path).close()
                        readers[path] = path.open("rb")
                        quiet = False
                if not follow:
                    return
                if quiet:
                    yield ""
        finally:
            for reader in readers.values():
                reader.close()

    def _first(self, path: Path, reader: BinaryIO, request: str) -> Iterator[str]:
        if not request:
            reader.seek(max(0, os.fstat(reader.fileno()).st_size - _LOOKED_BACK_BYTES))
            yield from deque(self._fresh(reader), maxlen=_KEPT_LINES)
            return
        old = path.with_suffix(".log.1")
        if old.exists():
            with old.open("rb") as older:
                yield from self._fresh(older)
        yield from self._fresh(reader)

    def _files(self, unit: str) -> list[Path]:
        of_unit = re.compile(rf"{re.escape(unit)}-\d+\.log")
        return sorted(p for p in self.folder.glob("*.log") if not unit or of_unit.fullmatch(p.name))

    @staticmethod
    def _fresh(reader: BinaryIO) -> Iterator[str]:
        if os.fstat(reader.fileno()).st_size < reader.tell():
            reader.seek(0)  # it was cut by a rotation
        while line := reader.readline(_LINE_BYTES):
            if not line.endswith(b"\n") and len(line) < _LINE_BYTES:
                reader.seek(-len(line), os.SEEK_CUR)  # half a line: the rest comes
                return
            yield line.decode(errors="replace").rstrip("\r\n")

    def _of(self, unit: str, slot: int) -> Path:
        return self.folder / f"{unit}-{slot}.log"


def _put_aside(reader: BinaryIO, path: Path) -> bool:
    """Has Envoy gone on in a new file of this name?"""
    with contextlib.suppress(FileNotFoundError):  # it is about to
        return os.fstat(reader.fileno()).st_ino != path.stat().st_ino
    return False
