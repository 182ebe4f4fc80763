"""Where which counter of a load page stands, and the names that a page begins with."""

from __future__ import annotations

from bisect import bisect_left

import msgspec

MAGIC = b"LSLOAD03"
"""Ends in the version of the layout; a reader refuses any other."""

STATUSES: tuple[int, ...] = (200, 400, 404, 405, 406, 408, 411, 413, 415, 429, 431, 499, 500, 501, 503, 504)
"""Counted each by itself; any other counts under 0 (``other``). 499: the client was gone before its answer."""

BOUNDS_SECONDS: tuple[float, ...] = (
    0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0,
)  # fmt: skip
"""Upper bounds of the duration buckets, three to a decade; one more bucket holds what is longer."""
BOUNDS_NANOSECONDS = tuple(round(bound * 1e9) for bound in BOUNDS_SECONDS)

# Offsets from the first slot of an endpoint.
OTHER_STATUS = 0
STATUS_SLOT = {status: index + 1 for index, status in enumerate(STATUSES)}
"""Status -> offset of its counter; use ``STATUS_SLOT.get(status, OTHER_STATUS)``."""
IN_FLIGHT = len(STATUSES) + 1
QUEUED = IN_FLIGHT + 1
REFUSED = IN_FLIGHT + 2
TIMEOUTS = IN_FLIGHT + 3
CANCELLED = IN_FLIGHT + 4
BYTES_IN = IN_FLIGHT + 5
BYTES_OUT = IN_FLIGHT + 6
DURATION_SUM = IN_FLIGHT + 7
"""Nanoseconds."""
BEGUN = IN_FLIGHT + 8
"""Requests whose first step has begun."""
WAITED = IN_FLIGHT + 9
"""Nanoseconds that these had waited for it, all together."""
OLDEST = IN_FLIGHT + 10
"""Nanoseconds that the oldest of those that still wait has waited, when the page was written; 0 when none does."""
POISONOUS = IN_FLIGHT + 11
"""Requests refused because two replicas had died of them."""
DURATION = IN_FLIGHT + 12
"""First of the duration buckets: ``slots[at + DURATION + bucket(nanoseconds)] += 1``."""
ENDPOINT_SLOTS = DURATION + len(BOUNDS_SECONDS) + 1

# Offsets from the first slot of a step.
STEP_COUNT = 0
"""Requests it ran for."""
STEP_NANOSECONDS = 1
STEP_ROWS = 2
STEP_BATCHES = 3
"""Runs: fewer than requests when some shared one."""
STEP_ERRORS = 4
STEP_WAITING = 5
"""Requests that wait for this step now, here or in the unit that runs it."""
STEP_CELLS = 6
"""Elements of its padded inputs, padding included; 0 for a step without `pad`."""
STEP_PADDING = 7
"""Those of them that are padding: the waste."""
STEP_SKIPPED = 8
"""Requests for which its `when` was not true."""
STEP_DEATHS = 9
"""Processes of this slot that died while it ran, since the slot was first used."""
STEP_SLOTS = 10

# Offsets from `LoadPage.process`.
CPU_NANOSECONDS = 0
STARTED = 1
"""UTC nanoseconds since 1970."""
READY = 2
"""1 when ready, else 0."""
CONNECTIONS = 3
MEMORY = 4
"""Resident bytes."""
PROCESS_SLOTS = 8
"""A few are kept free."""

LARGEST_NAMES = 1 << 20
"""Bytes."""


class Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page counts for, in the order of its counters. `steps`: (endpoint, step)."""

    endpoints: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]


def bucket(nanoseconds: int) -> int:
    """Index of the duration bucket: the first whose bound is not exceeded."""
    return bisect_left(BOUNDS_NANOSECONDS, nanoseconds)


def bucket_labels() -> tuple[str, ...]:
    """Prometheus' `le` of each bucket, in seconds; the last is ``+Inf``. Its buckets are cumulative, ours are not."""
    return (*(f"{bound:g}" for bound in BOUNDS_SECONDS), "+Inf")
