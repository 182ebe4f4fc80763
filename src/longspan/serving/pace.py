"""Does a chain of models run on the event loop, or in the thread?

Pure. On the loop as long as 99 of 100 runs take less than 200 us, for then a thread costs more than it saves;
in the thread as soon as they do not, and back again. Nothing is counted on the fast path: only a slow run is
noted, with the number of the run it was, which the load page counts anyway.
"""

from __future__ import annotations

from collections import deque

SLOW = 200_000
"""Nanoseconds."""
WINDOW = 256
"""Runs that are looked at."""
MOST_SLOW = WINDOW // 100
"""Slow runs among them that are forgiven."""


class Pace:
    """`inline` says where the next run belongs."""

    __slots__ = ("_slow", "_switched", "inline")

    def __init__(self, inline: bool) -> None:
        self.inline = inline
        self._slow: deque[int] = deque(maxlen=MOST_SLOW + 1)
        self._switched = 0

    def slow(self, run: int) -> None:
        """Run number `run` took longer than `SLOW`, by itself: not because the kernel took the core away."""
        self._slow.append(run)
        if self.inline and len(self._slow) > MOST_SLOW and run - self._slow[0] < WINDOW:
            self.inline, self._switched = False, run

    def look(self, run: int) -> None:
        """Called after runs in the thread: have the last `WINDOW` been quick again?"""
        recent = sum([run - slow < WINDOW for slow in self._slow])
        if not self.inline and recent <= MOST_SLOW and run - self._switched >= WINDOW:
            self.inline, self._switched = True, run
