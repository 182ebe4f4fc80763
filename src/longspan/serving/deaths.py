"""Of which requests have replicas of this unit died?

Asked for a later attempt only, so it may look into files: the pages of ids (`wire.ids`) of this slot and of its
siblings'. What a sibling had in hand counts when its process does not hold the slot's lock any more, for then nobody
may have written its end down yet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from time import time_ns

from longspan.serving import slot
from longspan.serving.noted import read_bytes
from longspan.wire import ids

SUFFIX = ".ids"
MOST_SIBLINGS = 1024


class Deaths:
    """See above."""

    def __init__(self, path: str) -> None:
        """`path`: of this slot's own page, ``FOLDER/SLOT.ids``, beside its siblings'. Empty: none is kept."""
        self._own, self._folder = path, os.path.dirname(path)

    def of(self, request_id: bytes, within: int) -> list[ids.Death]:
        """The deaths of the last `within` nanoseconds that the request was under way at, the latest last.

        Raises `OSError` when they cannot be looked up, as without a free descriptor.
        """
        if not self._own:
            return []
        now, found = time_ns(), []
        for path in self._pages():
            # While a replica is away most of what comes is a later attempt, and none of it stands anywhere.
            content = read_bytes(path)
            if not ids.may_know(content, request_id) or (page := ids.parse(content)) is None:
                continue
            dead = path != self._own and _gone(f"{path.removesuffix(SUFFIX)}.lock", page.pid)
            found += [death._replace(at=death.at or now) for death in ids.deaths(page, request_id, dead=dead)]
        return sorted([death for death in found if now - death.at <= within], key=lambda death: death.at)

    def _pages(self) -> Iterator[str]:
        with os.scandir(self._folder or ".") as entries:
            names = sorted([entry.name for entry in entries if entry.name.endswith(SUFFIX)])
        for name in names[:MOST_SIBLINGS]:
            yield os.path.join(self._folder, name)


def _gone(lock: str, pid: int) -> bool:
    """Does the process `pid` hold this lock no more? Another's only: to close a file drops one's own locks on it."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        return slot.holder(descriptor) != pid
    finally:
        os.close(descriptor)
