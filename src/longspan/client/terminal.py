"""How are people told? Tables and lines on standard output, errors on standard error, JSON for scripts.

Colour only where a terminal shows it and ``NO_COLOR`` is not set (rich sees to both). What is printed is
never taken for markup: names and log lines come from outside.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from longspan.base.errors import Invalid, LongspanError


@functools.cache
def out() -> Console:
    """Standard output. A pipe gets whole lines, however long: scripts cut them, we do not."""
    return _console(stderr=False)


@functools.cache
def err() -> Console:
    """Standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 10_000
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True, width=width)


def say(text: str = "", style: str = "") -> None:
    """A line for people."""
    out().print(Text(text, style=style))


def say_json(value: Any) -> None:
    """Any value of `client.messages` as JSON, two spaces deep."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def table(*columns: str) -> Table:
    """A plain table: no frame, so that it can be cut and pasted."""
    made = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for column in columns:
        made.add_column(column, no_wrap=True)
    return made


def say_table(made: Table | Text) -> None:
    """Print a table, or a line as it is; where no terminal is, without the spaces that fill up its lines."""
    if out().is_terminal:
        out().print(made)
        return
    with out().capture() as captured:
        out().print(made)
    for line in captured.get().splitlines():
        say(line.rstrip())


def complain(error: LongspanError) -> None:
    """An error in one breath: ``error: where: what. What to do``. Complaints keep a line each."""
    if isinstance(error, Invalid):
        for complaint in error.complaints:
            err().print(str(complaint))
        count = len(error.complaints)
        err().print(Text("error: ", style="bold red"), f"{count} complaint{'s' * (count != 1)}", sep="")
        return
    err().print(Text("error: ", style="bold red") + Text(str(error)))
