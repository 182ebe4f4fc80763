"""How does somebody begin? With a system that works, in a folder of their own."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from longspan.base.errors import LongspanError
from longspan.client.terminal import say

STARTER = (
    "longspan.yaml",
    "steps.py",
    "iris.onnx",
    "flower.json",
    "README.md",
    "make_model.py",
    "iris.csv",
)
"""The files of ``starter/``, in the order in which a newcomer reads them."""

Folder = Annotated[str, typer.Argument(metavar="FOLDER", help="Where to; it is made if need be.")]


def init(folder: Folder = ".") -> None:
    """Write a small working system into a folder.

    One service with a real model and a Python step. Nothing is ever overwritten.

    Example: longspan init hello && cd hello && longspan up
    """
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise LongspanError("is no folder", at=folder)
    if taken := [name for name in STARTER if (target / name).exists()]:
        remedy = "Nothing has been written. Give an empty folder: longspan init hello"
        raise LongspanError(f"holds {', '.join(taken)} already", at=folder, remedy=remedy)
    target.mkdir(parents=True, exist_ok=True)
    starter = resources.files("longspan.cli") / "starter"
    for name in STARTER:
        (target / name).write_bytes((starter / name).read_bytes())
    say(f"wrote {', '.join(STARTER)}" + (f" to {folder}" if folder != "." else ""))
    say()
    say("Next:")
    if folder != ".":
        say(f"  cd {folder}")
    say("  longspan up                        # Ctrl-C stops it")
    say("  longspan call flower flower.json   # in another terminal")
