"""The load page of a worker: plain integers in a file that control reads while the worker counts.

::

    page = LoadPage.create("run/hello/0.load", endpoints=["hello", "tiny"], steps=[("hello", "prepare"), ("hello", "tiny")])
    slots, at = page.slots, page.endpoint("hello")
    slots[at + REQUESTS_200] += 1
    slots[at + DURATION + bucket(ns)] += 1; slots[at + DURATION_SUM] += ns

Stub: signatures first, bodies follow.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

STATUSES: tuple[int, ...] = (200, 400, 404, 405, 406, 408, 411, 413, 415, 429, 431, 499, 500, 501, 503, 504)
"""Counted each by itself; any other counts under 0 (``other``). 499: the client was gone before its answer."""

STATUS_SLOT: dict[int, int] = {}
"""Status -> offset of its counter from the endpoint's first slot; use ``STATUS_SLOT.get(status, OTHER_STATUS)``."""
OTHER_STATUS = 0
IN_FLIGHT = 0
QUEUED = 0
REFUSED = 0
TIMEOUTS = 0
CANCELLED = 0
BYTES_IN = 0
BYTES_OUT = 0
DURATION_SUM = 0
"""Nanoseconds."""
DURATION = 0
"""First of the duration buckets: ``slots[at + DURATION + bucket(ns)] += 1``."""

STEP_COUNT = 0
STEP_NANOSECONDS = 1
STEP_ROWS = 2
STEP_BATCHES = 3
STEP_ERRORS = 4

CPU_NANOSECONDS = 0
STARTED = 1
"""UTC nanoseconds."""
READY = 2
CONNECTIONS = 3

BOUNDS_SECONDS: tuple[float, ...] = ()
"""Upper bounds of the duration buckets; one more bucket holds what is longer."""


def bucket(nanoseconds: int) -> int:
    """Index of the duration bucket."""
    raise NotImplementedError


class EndpointLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What one endpoint (service or model) has done since the worker started."""

    name: str
    requests: dict[int, int]
    """Status -> count, only those above 0; key 0 is any other status."""
    in_flight: int
    queued: int
    refused: int
    timeouts: int
    cancelled: int
    bytes_in: int
    bytes_out: int
    duration_sum_seconds: float
    duration_count: int
    duration_buckets: tuple[int, ...]
    """Not cumulative; one more than `BOUNDS_SECONDS`."""


class StepLoad(msgspec.Struct, frozen=True, kw_only=True):
    endpoint: str
    step: str
    count: int
    seconds: float
    rows: int
    batches: int
    errors: int


class Load(msgspec.Struct, frozen=True, kw_only=True):
    endpoints: tuple[EndpointLoad, ...]
    steps: tuple[StepLoad, ...]
    cpu_seconds: float
    started: int
    """UTC nanoseconds."""
    ready: bool
    connections: int


class LoadPage:
    """The writer's side. `slots` is a memoryview of signed 64-bit integers."""

    slots: memoryview[int]

    @classmethod
    def create(cls, path: str, endpoints: Sequence[str], steps: Sequence[tuple[str, str]]) -> LoadPage:
        """Make the file (0600, temporary name, then rename) and map it."""
        raise NotImplementedError

    @property
    def process(self) -> int:
        """First slot of the process's own counters (`CPU_NANOSECONDS`, `STARTED`, `READY`, `CONNECTIONS`)."""
        raise NotImplementedError

    def endpoint(self, name: str) -> int:
        """First slot of an endpoint."""
        raise NotImplementedError

    def step(self, endpoint: str, step: str) -> int:
        """First slot of a step."""
        raise NotImplementedError

    def close(self) -> None:
        """Unmap; the file stays for its reader."""
        raise NotImplementedError


def read(path: str) -> Load | None:
    """The page as it is now; None when there is none or it is half made. Raises `LongspanError` on a foreign file."""
    raise NotImplementedError
