"""From what endpoints and steps have counted to the load page that control reads.

Counting is an addition to an attribute or, where most requests come by, one append to a list; a quarter of a second
later, while there are requests, it stands in the page. Counting in mapped memory took two microseconds more.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from time import monotonic_ns
from types import MappingProxyType

from longspan.serving.endpoint import Endpoint
from longspan.wire.load import LoadPage
from longspan.wire.load.layout import (
    BEGUN,
    BYTES_IN,
    BYTES_OUT,
    CANCELLED,
    CONNECTIONS,
    CPU_NANOSECONDS,
    DURATION,
    DURATION_SUM,
    IN_FLIGHT,
    MEMORY,
    OLDEST,
    OTHER_STATUS,
    POISONOUS,
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
    STEP_WAITING,
    TIMEOUTS,
    WAITED,
)


class Pages:
    """The load page of a worker, and what stands in it."""

    def __init__(
        self,
        path: str,
        endpoints: Sequence[Endpoint],
        started: int,
        deaths: Mapping[tuple[str, str], int] = MappingProxyType({}),
    ) -> None:
        """Make the page at `path` with a place for every endpoint and step. `started`: UTC nanoseconds since 1970.

        `deaths`: (endpoint, step) -> processes of this slot that died while it ran, until now.
        """
        steps = [(endpoint.name, step.name) for endpoint in endpoints for step in endpoint.steps]
        self._page = LoadPage.create(path, [endpoint.name for endpoint in endpoints], steps)
        self._endpoints = endpoints
        self._alone = {key: [0, 0] for key in steps}
        """(endpoint, step) -> runs for one request, and their nanoseconds."""
        self._written = self._page.slots.tolist()
        self._written[self._page.process + STARTED] = started
        for endpoint, step in steps:
            self._written[self._page.step(endpoint, step) + STEP_DEATHS] = deaths.get((endpoint, step), 0)

    def write(self, *, ready: bool, connections: int, cpu_nanoseconds: int, memory_bytes: int) -> bool:
        """Bring the page up to date. False when nothing but CPU time and memory had changed."""
        page, values = self._page, self._written.copy()
        values[page.process + READY] = int(ready)
        values[page.process + CONNECTIONS] = connections
        now = monotonic_ns()
        for endpoint in self._endpoints:
            _endpoint(endpoint, values, page.endpoint(endpoint.name), now)
            for step in endpoint.steps:
                at = page.step(endpoint.name, step.name)
                alone = self._alone[endpoint.name, step.name]
                alone[:] = [before + more for before, more in zip(alone, step.settle(), strict=True)]
                runs, nanoseconds = alone
                values[at + STEP_COUNT] = step.count + runs
                values[at + STEP_NANOSECONDS] = step.nanoseconds + nanoseconds
                values[at + STEP_ROWS] = step.rows + runs
                values[at + STEP_BATCHES] = step.batches + runs
                values[at + STEP_ERRORS] = step.errors
                values[at + STEP_WAITING] = step.waiting
                values[at + STEP_CELLS] = step.cells
                values[at + STEP_PADDING] = step.waste
                values[at + STEP_SKIPPED] = step.skipped
        changed = values != self._written
        values[page.process + CPU_NANOSECONDS] = cpu_nanoseconds
        values[page.process + MEMORY] = memory_bytes
        page.slots[page.process :] = array("q", values[page.process :])
        self._written = values
        return changed


def _endpoint(endpoint: Endpoint, values: list[int], at: int, now: int) -> None:
    counted = endpoint.counted
    counted.settle()
    values[at + QUEUED], values[at + IN_FLIGHT] = endpoint.lane.load()
    values[at + BEGUN], values[at + WAITED], values[at + OLDEST] = endpoint.lane.waits(now)
    values[at + STATUS_SLOT[200]] = counted.ok
    values[at + OTHER_STATUS] = sum(n for status, n in counted.statuses.items() if status not in STATUS_SLOT)
    for status, count in counted.statuses.items():
        if status in STATUS_SLOT:
            values[at + STATUS_SLOT[status]] = count + (counted.ok if status == 200 else 0)
    values[at + REFUSED] = counted.refused
    values[at + POISONOUS] = counted.poisonous
    values[at + TIMEOUTS] = counted.timeouts
    values[at + CANCELLED] = counted.cancelled
    values[at + BYTES_IN] = counted.bytes_in
    values[at + BYTES_OUT] = counted.bytes_out
    values[at + DURATION_SUM] = counted.nanoseconds
    values[at + DURATION : at + DURATION + len(counted.durations)] = counted.durations
