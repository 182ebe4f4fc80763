"""``.gitignore`` and names of files: what is copied into the vault.

Held: a tree or `LongspanError`; every name of the tree is one of the folder's, and the file that says what is ignored
can name any pattern without breaking an apply.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from longspan.base.errors import LongspanError
from longspan.system.vault import survey
from tests.fuzz.given import expanded, sound, steered

_NAMES = ("steps.py", "data/a.bin", "data/deep/b.txt", "x y/#c", "!d", ".hidden/e")


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fuzzed-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in _NAMES:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(name)
    return folder


def run(data: bytes) -> None:
    """Raises when something that is held above does not."""
    steering, raw = steered(data)
    raw = expanded(raw)
    folder = _folder()
    (folder / ".gitignore").write_bytes(raw)
    odd = folder / "odd"
    shutil.rmtree(odd, ignore_errors=True)
    name = os.fsdecode(steering.replace(b"/", b"").replace(b"\0", b""))
    if name not in ("", ".", ".."):
        odd.mkdir()
        (odd / name).write_text("odd")
    try:
        tree = survey(folder, leave_out=frozenset(), limit_bytes=1 << 20)
    except LongspanError as error:
        sound(str(error), raw + steering)
        return
    assert set(tree.files) <= {*_NAMES, ".gitignore", f"odd/{name}"}
    assert len(tree.digest()) == 64
