"""Which requests share a run, and how large may a run be?

Pure. Alike are requests to the same steps with the same data types and the same free dimensions; only along
`batch` may they differ. A caller never gets another's rows: whoever cuts also splits, by the same counts.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol, TypeVar

ENOUGH = 0.10
"""A share of the time per row. Batching that saves less is not worth the waiting of the others."""


class Waiting(Protocol):
    """What waits to run."""

    @property
    def alike(self) -> Hashable:
        """Equal for those that may share a run."""

    @property
    def rows(self) -> int:
        """Size of its dimension `batch`."""


T = TypeVar("T", bound=Waiting)


def cut(waiting: Sequence[T], limit: int) -> tuple[list[T], list[T]]:
    """(those that run together now, the rest), both in the order in which they came.

    The oldest always runs, however many rows it has. Those alike join it until the next of them would make the
    run larger than `limit` rows; that one and all alike after it wait, so nobody is overtaken by his like.
    `waiting` must not be empty.
    """
    oldest = waiting[0]
    alike, rows = oldest.alike, oldest.rows
    group, rest, full = [oldest], [], False
    for other in waiting[1:]:
        if full or other.alike != alike:
            rest.append(other)
        elif rows + other.rows > limit:
            full = True
            rest.append(other)
        else:
            rows += other.rows
            group.append(other)
    return group, rest


def rows_limit(curve: Sequence[tuple[int, int]], within_nanoseconds: int) -> int:
    """How many rows a run may hold: the fewest that reach nearly all that batching can save per row.

    `curve` is what was measured: (rows, nanoseconds of a run), rising, starting with one row. Points slower than
    `within_nanoseconds` are left out. Where a run of n rows costs about n single ones, the limit is 1.
    """
    known = [point for point in curve if point[1] <= within_nanoseconds]
    if not known or known[0][0] != 1:
        return 1
    best = min(took / rows for rows, took in known)
    return next(rows for rows, took in known if took / rows * (1 - ENOUGH) <= best)
