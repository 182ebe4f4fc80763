"""What grows in a worker without anybody counting it: its output, its descriptors, its threads.

One thread looks, since the loop may be blocked by the very step that prints. Output is cut (`output`). Where a step
leaks descriptors or threads until there are none left, the worker could answer nobody: before that it says so, and
leaves as after SIGTERM, with an exit code of its own; control starts another. Leaked memory is control's to see
(`resources.memory`), and leaked tasks are memory.
"""

from __future__ import annotations

import contextlib
import os
import resource
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from time import sleep

from longspan.serving import output
from longspan.wire import exits

EVERY_SECONDS = 0.1
LOOKS = 10
"""Every so manieth time descriptors and threads are looked at, too."""
MOST_THREADS = 2000
RESERVE = 16
"""Descriptors that are kept for the end, so that a worker that has none left can still hear its clients out."""
FEW = 128
"""Descriptors beside those of connections that nobody wonders about."""
_LOOKED_AT = 4000


class Guard:
    """Watches from its own thread until the process ends."""

    def __init__(self, connections: Callable[[], int], used_up: Callable[[int, str], None]) -> None:
        """`connections` says how many descriptors these take. `used_up` is told once, in the guard's thread, the exit
        code (`wire.exits`) and why."""
        self._connections, self._used_up = connections, used_up
        self._reserve = [os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) for _ in range(RESERVE)]
        self._told = False
        threading.Thread(target=self._watch, name="longspan-guard", daemon=True).start()

    def _watch(self) -> None:
        turn, own = 0, output.Own()
        while True:
            sleep(EVERY_SECONDS)
            own.look()
            turn = (turn + 1) % LOOKS
            if not turn and not self._told:
                for code, why in self._look():
                    self._told = True
                    while self._reserve:
                        os.close(self._reserve.pop())
                    self._used_up(code, why)
                    break

    def _look(self) -> Iterator[tuple[int, str]]:
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        taken, connections = _descriptors(most), self._connections()
        if runs_out(taken, connections, most):
            why = f"{taken} of {most} descriptors are open, {connections} of them connections; {_mostly()}"
            yield exits.NO_DESCRIPTORS, f"{why}. A step leaks them, or needs a higher limit (ulimit -n)"
        threads = _threads()
        if threads > MOST_THREADS:
            yield exits.MANY_THREADS, f"{threads} threads run here, more than {MOST_THREADS}: a step leaks them"


def runs_out(taken: int, connections: int, most: int) -> bool:
    """Are descriptors about to run out, and not because of connections alone, which are bounded?"""
    others = taken - connections
    return others > most * 4 // 5 or (taken >= most - RESERVE and others > FEW)


def _descriptors(most: int) -> int:
    """How many are open."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return most


def _mostly() -> str:
    """What most of them lead to."""
    found: Counter[str] = Counter()
    with contextlib.suppress(OSError):  # to list them takes one
        for name in islice(os.listdir("/proc/self/fd"), _LOOKED_AT):
            with contextlib.suppress(OSError):
                found[os.readlink(f"/proc/self/fd/{name}").partition(":[")[0]] += 1
    return "most lead to " + ", ".join(f"{name} ({count})" for name, count in found.most_common(3))


def _threads() -> int:
    try:
        with open("/proc/self/stat", "rb") as file:
            return int(file.read(4096).rpartition(b")")[2].split()[17])
    except OSError:
        return 0
