"""The options that commands share, so that each of them means and reads the same everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

File = Annotated[str, typer.Option("--file", "-f", metavar="FILE", help="The file that describes the system.")]
State = Annotated[
    str,
    typer.Option("--state", metavar="FOLDER", help="Its state; else .longspan beside the file.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
