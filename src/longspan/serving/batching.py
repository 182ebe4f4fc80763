"""Which requests, and which rows, share a run, and how large may a run be?

Pure. Alike are requests to the same steps with the same data types and the same free dimensions; only along
`batch` may they differ. A caller never gets another's rows: whoever cuts also splits, by the same counts.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

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


def company(alone: int, wanted: int, each_nanoseconds: int, within_nanoseconds: int) -> int:
    """How many requests enter a chain together.

    `alone` is how many the steps gain by that run for the requests' own rows, `wanted` how many a later step does
    that runs for the rows which an earlier one makes of them. The first request is answered when the last is done, so
    more than `alone` may take no longer than `within_nanoseconds` together, even if nothing were gained.
    `each_nanoseconds` is what a request has taken of late; 0, before the first has run, gives `alone`.
    """
    if each_nanoseconds <= 0:
        return alone
    return max(alone, min(wanted, within_nanoseconds // each_nanoseconds))


# --- rows of different sizes --------------------------------------------------------------------------------------


class Row(NamedTuple):
    """One row that waits for a padded step."""

    alike: Hashable
    """Equal for those that may share a run once they are of a size."""
    sizes: tuple[int, ...]
    """Of each dimension that may be padded."""


class Bucket(NamedTuple):
    """Rows that share a run."""

    sizes: tuple[int, ...]
    """What each dimension is padded to."""
    rows: tuple[int, ...]
    """Which of the rows that waited, in their order."""


def buckets(rows: Sequence[Row], multiples: Sequence[int], limit: int) -> list[Bucket]:
    """Every row in one bucket, with those that are alike and of its size once padded, `limit` of them at most.

    A size is padded to the next multiple of its `multiples`, at least one. Buckets come in the order of their first
    rows, and rows keep theirs.
    """
    found: dict[tuple[Hashable, tuple[int, ...]], list[int]] = {}
    for index, row in enumerate(rows):
        found.setdefault((row.alike, size(row, multiples)), []).append(index)
    made = [
        Bucket(sizes, tuple(members[first : first + limit]))
        for (_, sizes), members in found.items()
        for first in range(0, len(members), limit)
    ]
    return sorted(made, key=lambda bucket: bucket.rows[0])


def size(row: Row, multiples: Sequence[int]) -> tuple[int, ...]:
    """What its dimensions are padded to: each to the next multiple, at least one."""
    return tuple([max(n, -(-one // n) * n) for one, n in zip(row.sizes, multiples, strict=True)])


def stack(arrays: Sequence[NDArray[Any]], shape: Sequence[int]) -> NDArray[Any]:
    """Arrays of one data type as rows of one array [len(arrays), *shape], each filled up with zeros on its right.

    BYTES are filled up with empty elements. None of `arrays`, which is not empty, is larger than `shape`.
    """
    dtype, whole = arrays[0].dtype, tuple(shape)
    if all([array.shape == whole for array in arrays]):
        return np.stack(arrays)
    filled = np.full((len(arrays), *whole), b"" if dtype.kind == "O" else 0, dtype)
    for row, array in zip(filled, arrays, strict=True):
        row[tuple([slice(length) for length in array.shape])] = array
    return filled
