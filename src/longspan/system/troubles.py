"""What cannot be done now, and is tried again on the next trip: a disk that is full, a file that may not be written.

Who meets such a thing goes on with the rest. It is told when it begins and when it is over, not twenty times a second
meanwhile; the last line says again what it was, since a disk that is full holds no first one.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from longspan.base.errors import LongspanError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
MAKE_ROOM = "Make room on the disk of the state folder; what serves goes on meanwhile"

_log = logging.getLogger(__name__)


FORGOTTEN_SECONDS = 60.0


class _Trouble(NamedTuple):
    told: str
    since: float
    met: float
    """When it was last met. Both are seconds of the clock."""


class Troubles:
    """Those of one control. Owned by the thread of its trips."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds, and is never set."""
        self._clock = clock
        self._known: dict[str, _Trouble] = {}

    def __bool__(self) -> bool:
        """Is there any now? One that nobody has met for a minute is none: it was given up."""
        now = self._clock()
        self._known = {what: one for what, one in self._known.items() if now - one.met < FORGOTTEN_SECONDS}
        return bool(self._known)

    @contextmanager
    def borne(self, what: str) -> Iterator[None]:
        """Leave the block undone when it raises `OSError` or `LongspanError`, and go on. `what` it does, in words: by
        these it is known."""
        try:
            yield
        except (OSError, LongspanError) as error:
            told, now, before = words(error), self._clock(), self._known.get(what)
            self._known[what] = _Trouble(told, before.since if before else now, now)
            if before is None or told != before.told:
                _log.error("%s: cannot be done: %s", what, told)
            return
        if (was := self._known.pop(what, None)) is not None:
            _log.warning(
                "%s: done, after %.1f s in which it could not be: %s", what, self._clock() - was.since, was.told
            )


def words(error: Exception) -> str:
    """What went wrong, in a line, with what to do where the disk is full."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return f"{error.strerror}. {MAKE_ROOM}"
    return str(error)
