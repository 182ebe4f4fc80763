"""What an endpoint has done so far, in plain integers.

Counting is an addition or, for good answers, one append; `pages` brings the sums to the load page.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from longspan.wire.load import BOUNDS_NANOSECONDS


class Counted:
    """The counters of one endpoint."""

    __slots__ = (
        "bytes_in", "bytes_out", "cancelled", "durations", "nanoseconds", "ok", "poisonous", "refused", "statuses",
        "timeouts", "took",
    )  # fmt: skip

    def __init__(self) -> None:
        self.ok = self.refused = self.timeouts = self.cancelled = self.poisonous = 0
        self.bytes_in = self.bytes_out = self.nanoseconds = 0
        self.statuses: dict[int, int] = {}
        """Status -> count, of all that were not `ok`."""
        self.durations = [0] * (len(BOUNDS_NANOSECONDS) + 1)
        self.took: list[int] = []
        """Nanoseconds of each good answer since `settle`."""

    def settle(self) -> None:
        """Sort what `took` holds into the counters."""
        took, self.took = self.took, []
        if took:
            self.ok += len(took)
            self.nanoseconds += sum(took)
            places = np.bincount(np.searchsorted(BOUNDS_NANOSECONDS, took), minlength=len(self.durations))
            self.durations = [before + more for before, more in zip(self.durations, places.tolist(), strict=True)]

    def count(self, status: int, nanoseconds: int) -> None:
        """An answer that is not among those of `took`, and how long it took."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.durations[bisect_left(BOUNDS_NANOSECONDS, nanoseconds)] += 1
        self.nanoseconds += nanoseconds
