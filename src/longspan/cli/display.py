"""What does somebody see who sits before `up`? On a terminal a table that lives below the lines that have been
told; anywhere else, the lines alone.
"""

from __future__ import annotations

import contextlib
from typing import Self

from rich.console import Group
from rich.live import Live
from rich.text import Text

from longspan.client.messages import Status
from longspan.client.terminal import out
from longspan.client.views import headline, news, units_table


class Display:
    """Shows a status whenever it is new. A terminal that has gone away stops nothing."""

    def __init__(self) -> None:
        self._console = out()
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self.last: Status | None = None
        self.telling = True
        """Whether what happens is told as well. Nobody wants to read of each death in an orderly end."""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._live.stop()

    def show(self, status: Status) -> None:
        """Tell what has happened since the last one, and draw the table anew."""
        if status == self.last:
            return
        for line in news(self.last, status) if self.telling else ():
            self.say(line, style="dim")
        self.last = status
        if self._console.is_terminal:
            with contextlib.suppress(OSError):
                self._live.update(Group(Text(), headline(status), Text(), units_table(status)), refresh=True)

    def say(self, text: str | Text = "", style: str = "") -> None:
        """A line that stays."""
        with contextlib.suppress(OSError):
            self._console.print(text if isinstance(text, Text) else Text(text, style=style))
