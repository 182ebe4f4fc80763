"""Which answers are right, and since when? During an update either generation's; after it only the new one's."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec

from longspan.client.load import Answer

Read = Callable[[str, Any], tuple[str, int]]
"""(key of the request, decoded answer) -> what is wrong with it or '', and the version that gave it."""


class Judge:
    """The check of a load. `expect` says from now on which versions may answer.

    A request that was under way when the wish changed may be answered by either side of the change.
    """

    def __init__(self, read: Read, *versions: int) -> None:
        self._read = read
        self._since: list[tuple[int, frozenset[int]]] = [(0, frozenset(versions))]
        self.seen: set[int] = set()
        """Versions that have answered since the last `expect`."""

    def expect(self, *versions: int) -> None:
        """From now on only these may answer."""
        self._since.append((time.monotonic_ns(), frozenset(versions)))
        self.seen = set()

    def __call__(self, answer: Answer) -> str:
        wrong, version = self._read(answer.key, msgspec.json.decode(answer.body))
        self.seen.add(version)
        if not wrong and version not in self._allowed(answer.sent_ns, answer.done_ns):
            return f"version {version} is not the right one now"
        return wrong

    def _allowed(self, sent_ns: int, done_ns: int) -> frozenset[int]:
        ends = [*self._since, (done_ns + 1, frozenset[int]())]
        spans = [versions for (start, versions), (end, _) in pairwise(ends) if start <= done_ns and end > sent_ns]
        return frozenset[int]().union(*spans)
