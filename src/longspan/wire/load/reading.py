"""Control's side of a load page: its bytes as a value."""

from __future__ import annotations

import msgspec

from longspan.base.errors import LongspanError
from longspan.wire.load.layout import (
    BEGUN,
    BYTES_IN,
    BYTES_OUT,
    CANCELLED,
    CONNECTIONS,
    CPU_NANOSECONDS,
    DURATION,
    DURATION_SUM,
    ENDPOINT_SLOTS,
    IN_FLIGHT,
    LARGEST_NAMES,
    MAGIC,
    MEMORY,
    OLDEST,
    OTHER_STATUS,
    POISONOUS,
    PROCESS_SLOTS,
    QUEUED,
    READY,
    REFUSED,
    STARTED,
    STATUS_SLOT,
    STEP_BATCHES,
    STEP_CELLS,
    STEP_COUNT,
    STEP_DEATHS,
    STEP_ERRORS,
    STEP_NANOSECONDS,
    STEP_PADDING,
    STEP_ROWS,
    STEP_SKIPPED,
    STEP_SLOTS,
    STEP_WAITING,
    TIMEOUTS,
    WAITED,
    Names,
)

_MOST_PAGES = 1 << 13
"""Bytes that hold nearly every page. To be ready for the largest at once costs five times as much as the reading."""


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
    begun: int = 0
    waited_seconds: float = 0.0
    """Of those begun, before their first step, all together."""
    oldest_seconds: float = 0.0
    """So long the oldest of those that still wait has waited."""
    poisonous: int = 0
    """Refused because two replicas had died of them."""
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
    waiting: int = 0
    cells: int = 0
    padding: int = 0
    skipped: int = 0
    deaths: int = 0
    """Processes of this slot that died while it ran, also before this worker started."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """A load page as it was at one moment."""

    endpoints: tuple[EndpointLoad, ...]
    steps: tuple[StepLoad, ...]
    cpu_seconds: float
    started: int
    """UTC nanoseconds since 1970."""
    ready: bool
    connections: int
    memory_bytes: int = 0


def read(path: str) -> Load | None:
    """The page as it is now; None when there is none or it is half made. Raises `LongspanError` on a foreign file."""
    try:
        with open(path, "rb") as file:
            page = file.read(_MOST_PAGES)
            if len(page) == _MOST_PAGES:
                page += file.read(LARGEST_NAMES * 8)
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
    if length > LARGEST_NAMES or length % 8:
        raise LongspanError("is a damaged load page", at=at, remedy="Remove the file")
    try:
        names = msgspec.json.decode(page[16 : 16 + length], type=Names)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise LongspanError("is a damaged load page", at=at, remedy="Remove the file") from None
    first = 2 + length // 8
    steps_at = first + PROCESS_SLOTS + len(names.endpoints) * ENDPOINT_SLOTS
    if len(page) < 8 * (steps_at + len(names.steps) * STEP_SLOTS):
        return None
    slots = memoryview(page[: len(page) // 8 * 8]).cast("q")
    return Load(
        endpoints=tuple(
            _endpoint(name, slots, first + PROCESS_SLOTS + index * ENDPOINT_SLOTS)
            for index, name in enumerate(names.endpoints)
        ),
        steps=tuple(
            _step(endpoint, step, slots, steps_at + index * STEP_SLOTS)
            for index, (endpoint, step) in enumerate(names.steps)
        ),
        cpu_seconds=slots[first + CPU_NANOSECONDS] / 1e9,
        started=slots[first + STARTED],
        ready=slots[first + READY] != 0,
        connections=slots[first + CONNECTIONS],
        memory_bytes=slots[first + MEMORY],
    )


def _endpoint(name: str, slots: memoryview[int], at: int) -> EndpointLoad:
    buckets = tuple(slots[at + DURATION : at + ENDPOINT_SLOTS])
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
        begun=slots[at + BEGUN],
        waited_seconds=slots[at + WAITED] / 1e9,
        oldest_seconds=slots[at + OLDEST] / 1e9,
        poisonous=slots[at + POISONOUS],
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
        waiting=slots[at + STEP_WAITING],
        cells=slots[at + STEP_CELLS],
        padding=slots[at + STEP_PADDING],
        skipped=slots[at + STEP_SKIPPED],
        deaths=slots[at + STEP_DEATHS],
    )
