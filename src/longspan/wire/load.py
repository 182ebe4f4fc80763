"""The load page of a worker: plain integers in a file that control reads while the worker counts.

::

    page = LoadPage.create("run/hello/0.load", ["hello", "tiny"], [("hello", "prepare"), ("hello", "tiny")])
    slots, at = page.slots, page.endpoint("hello")
    slots[at + STATUS_SLOT.get(status, OTHER_STATUS)] += 1
    slots[at + DURATION + bucket(nanoseconds)] += 1
    slots[at + DURATION_SUM] += nanoseconds

A worker counts in attributes and writes all slots at once, four times a second while there are requests. Nobody is
asked and nothing is locked, so a reader may see one counter a moment older than another, never half a number (an
aligned 64-bit integer is written at once on x86_64 and aarch64).

Layout, all in native 64-bit integers: magic, length of the names, the names as JSON padded to 8 bytes, the process's
counters, then those of each endpoint, then those of each step. The magic is written last: a page half made has none.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from longspan.base.errors import LongspanError

MAGIC = b"LSLOAD01"
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
DURATION = IN_FLIGHT + 8
"""First of the duration buckets: ``slots[at + DURATION + bucket(nanoseconds)] += 1``."""
_ENDPOINT_SLOTS = DURATION + len(BOUNDS_SECONDS) + 1

# Offsets from the first slot of a step.
STEP_COUNT = 0
"""Requests it ran for."""
STEP_NANOSECONDS = 1
STEP_ROWS = 2
STEP_BATCHES = 3
"""Runs: fewer than requests when some shared one."""
STEP_ERRORS = 4
_STEP_SLOTS = 5

# Offsets from `LoadPage.process`.
CPU_NANOSECONDS = 0
STARTED = 1
"""UTC nanoseconds since 1970."""
READY = 2
"""1 when ready, else 0."""
CONNECTIONS = 3
_PROCESS_SLOTS = 8
"""A few are kept free."""

_LARGEST_NAMES = 1 << 20


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
    """What one step of an endpoint has done since the worker started."""

    endpoint: str
    step: str
    count: int
    seconds: float
    rows: int
    batches: int
    errors: int


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """A load page as it was at one moment."""

    endpoints: tuple[EndpointLoad, ...]
    steps: tuple[StepLoad, ...]
    cpu_seconds: float
    started: int
    """UTC nanoseconds since 1970."""
    ready: bool
    connections: int


class _Names(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    endpoints: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]


class LoadPage:
    """The writer's side. `slots` is a memoryview of signed 64-bit integers; never hold it beyond `close`."""

    def __init__(self, memory: mmap.mmap, names: _Names, first: int) -> None:
        """Made by `create`. `first`: index of the process's first counter."""
        self._memory = memory
        self.slots: memoryview[int] = memoryview(memory).cast("q")
        self.process = first
        """First slot of the process's own counters (`CPU_NANOSECONDS`, `STARTED`, `READY`, `CONNECTIONS`)."""
        endpoints = first + _PROCESS_SLOTS
        steps = endpoints + len(names.endpoints) * _ENDPOINT_SLOTS
        self._endpoints = {name: endpoints + index * _ENDPOINT_SLOTS for index, name in enumerate(names.endpoints)}
        self._steps = {key: steps + index * _STEP_SLOTS for index, key in enumerate(names.steps)}

    @classmethod
    def create(cls, path: str, endpoints: Sequence[str], steps: Sequence[tuple[str, str]]) -> LoadPage:
        """Make or take over the file and map it, all counters 0. `steps`: (endpoint, step).

        A file that a former worker of the slot left is reused and never shortened: whoever still maps it keeps valid
        memory. Only the holder of the slot's lock may call this.
        """
        names = _Names(tuple(endpoints), tuple(steps))
        text = msgspec.json.encode(names)
        text += b" " * (-len(text) % 8)
        first = 2 + len(text) // 8
        count = first + _PROCESS_SLOTS + len(names.endpoints) * _ENDPOINT_SLOTS + len(names.steps) * _STEP_SLOTS
        with _open(path) as file:
            size = max(8 * count, file.seek(0, 2))
            file.truncate(size)
            memory = mmap.mmap(file.fileno(), size)
        memory[0:8] = bytes(8)
        memory[8:] = len(text).to_bytes(8, "little") + text + bytes(size - 16 - len(text))
        memory[0:8] = MAGIC
        return cls(memory, names, first)

    def endpoint(self, name: str) -> int:
        """First slot of an endpoint. Raises `KeyError`."""
        return self._endpoints[name]

    def step(self, endpoint: str, step: str) -> int:
        """First slot of a step. Raises `KeyError`."""
        return self._steps[endpoint, step]

    def close(self) -> None:
        """Unmap; the file stays for its reader."""
        self.slots.release()
        self._memory.close()


def bucket(nanoseconds: int) -> int:
    """Index of the duration bucket: the first whose bound is not exceeded."""
    return bisect_left(BOUNDS_NANOSECONDS, nanoseconds)


def bucket_labels() -> tuple[str, ...]:
    """Prometheus' `le` of each bucket, in seconds; the last is ``+Inf``. Its buckets are cumulative, ours are not."""
    return (*(f"{bound:g}" for bound in BOUNDS_SECONDS), "+Inf")


def read(path: str) -> Load | None:
    """The page as it is now; None when there is none or it is half made. Raises `LongspanError` on a foreign file."""
    try:
        with open(path, "rb") as file:
            page = file.read(_LARGEST_NAMES * 8)
    except FileNotFoundError:
        return None
    return parse(page, at=path)


def parse(page: bytes, *, at: str = "") -> Load | None:
    """The bytes of a page as a value; None when they are half made. Raises `LongspanError` on foreign bytes."""
    if len(page) < 16 or page[:8] == bytes(8):
        return None
    if page[:8] != MAGIC:
        raise LongspanError(f"is no load page of this version ({MAGIC.decode()})", at=at, remedy="Remove the file")
    length = int.from_bytes(page[8:16], "little")
    if length > _LARGEST_NAMES or length % 8:
        raise LongspanError("is a damaged load page", at=at, remedy="Remove the file")
    try:
        names = msgspec.json.decode(page[16 : 16 + length], type=_Names)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise LongspanError("is a damaged load page", at=at, remedy="Remove the file") from None
    first = 2 + length // 8
    steps_at = first + _PROCESS_SLOTS + len(names.endpoints) * _ENDPOINT_SLOTS
    if len(page) < 8 * (steps_at + len(names.steps) * _STEP_SLOTS):
        return None
    slots = memoryview(page[: len(page) // 8 * 8]).cast("q")
    return Load(
        endpoints=tuple(
            _endpoint(name, slots, first + _PROCESS_SLOTS + index * _ENDPOINT_SLOTS)
            for index, name in enumerate(names.endpoints)
        ),
        steps=tuple(
            _step(endpoint, step, slots, steps_at + index * _STEP_SLOTS)
            for index, (endpoint, step) in enumerate(names.steps)
        ),
        cpu_seconds=slots[first + CPU_NANOSECONDS] / 1e9,
        started=slots[first + STARTED],
        ready=slots[first + READY] != 0,
        connections=slots[first + CONNECTIONS],
    )


def _endpoint(name: str, slots: memoryview[int], at: int) -> EndpointLoad:
    buckets = tuple(slots[at + DURATION : at + _ENDPOINT_SLOTS])
    counts = {0: slots[at + OTHER_STATUS]} | {status: slots[at + slot] for status, slot in STATUS_SLOT.items()}
    return EndpointLoad(
        name=name,
        requests={status: count for status, count in counts.items() if count > 0},
        in_flight=slots[at + IN_FLIGHT],
        queued=slots[at + QUEUED],
        refused=slots[at + REFUSED],
        timeouts=slots[at + TIMEOUTS],
        cancelled=slots[at + CANCELLED],
        bytes_in=slots[at + BYTES_IN],
        bytes_out=slots[at + BYTES_OUT],
        duration_sum_seconds=slots[at + DURATION_SUM] / 1e9,
        duration_count=sum(buckets),
        duration_buckets=buckets,
    )


def _step(endpoint: str, step: str, slots: memoryview[int], at: int) -> StepLoad:
    return StepLoad(
        endpoint=endpoint,
        step=step,
        count=slots[at + STEP_COUNT],
        seconds=slots[at + STEP_NANOSECONDS] / 1e9,
        rows=slots[at + STEP_ROWS],
        batches=slots[at + STEP_BATCHES],
        errors=slots[at + STEP_ERRORS],
    )


def _open(path: str) -> BinaryIO:
    try:
        return open(path, "r+b")
    except FileNotFoundError:
        return open(path, "x+b")
