"""Has somebody pressed q? Reads single keys of a terminal, and leaves it as it was."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from typing import Any, Self


class Keys:
    """While entered, a key is seen as soon as it is pressed. Without a terminal on standard input, only time passes."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._before: list[Any] = []

    def __enter__(self) -> Self:
        if sys.stdin.isatty():
            self._descriptor = sys.stdin.fileno()
            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def quit_within(self, seconds: float) -> bool:
        """Wait so long, or until q is pressed or the terminal has gone; whether that was so."""
        if self._descriptor is None:
            time.sleep(seconds)
            return False
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._descriptor], [], [], left)[0]:
                pressed = os.read(self._descriptor, 16)
                if not pressed or b"q" in pressed.lower():
                    return True
        return False
