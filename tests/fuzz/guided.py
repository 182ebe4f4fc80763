"""Fuzzes one target under atheris: ``python -m tests.fuzz.guided TARGET FINDINGS [LIBFUZZER-ARGUMENT...]``.

A finding does not end the run: it is kept, once for each place that raises, in its shortest form, and fuzzing goes on.
What libFuzzer sees for itself (a hang, too much memory, a crash of native code) ends the process, and it keeps the
input; whoever started us starts us again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import traceback
from pathlib import Path

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
_OURS = (str(ROOT / "src"), str(ROOT / "tests"))


class Findings:
    """A folder of inputs, each beside what it led to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, int] = {}

    def keep(self, error: Exception, data: bytes) -> None:
        """The input, unless a shorter one leads to the same."""
        key = where(error)
        if len(data) >= self._known.get(key, sys.maxsize):
            return
        self._known[key] = len(data)
        name = f"{type(error).__name__}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
        path = self._folder / name
        if path.exists() and len(path.read_bytes()) <= len(data):
            return
        path.write_bytes(data)
        said = "".join(traceback.format_exception(error)[-12:])
        (self._folder / f"{name}.txt").write_text(f"{key}\n\n{said}", "utf-8", "backslashreplace")


def where(error: Exception) -> str:
    """The same for all that raise in one place of ours."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(_OURS)]
    last = [f"{Path(frame.filename).relative_to(ROOT)}:{frame.lineno}" for frame in frames[-2:]]
    return f"{type(error).__name__} at {' < '.join(reversed(last))}"


def main() -> None:
    import atheris

    name, folder, *arguments = sys.argv[1:]
    target, findings = TARGETS[name], Findings(Path(folder))
    with atheris.instrument_imports(include=["longspan", *target.also]):
        run = target.function()
    logging.disable()  # what a worker would log of a request; thousands a second

    def one(data: bytes) -> None:
        try:
            run(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what we look for
            findings.keep(error, data)

    atheris.Setup([os.environ.get("FUZZ_ARGV0", sys.argv[0]), *arguments], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
