"""Routes of replicas: what runs, what it logs, and their part of the metrics."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Protocol

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from starlette.concurrency import iterate_in_threadpool

from longspan.base.metrics import Distribution, Metric, Reading
from longspan.client import messages
from longspan.system.records import Replica, Sample, Wanted

_OF_ENDPOINT = ("unit", "slot", "endpoint")
_OF_STEP = ("unit", "slot", "endpoint", "step")

REQUESTS = Metric(
    "longspan_requests_total",
    "counter",
    "Requests answered by a worker, by HTTP status; half a second late.",
    (*_OF_ENDPOINT, "status"),
)
IN_FLIGHT = Metric("longspan_requests_in_flight", "gauge", "Requests that a worker holds now.", _OF_ENDPOINT)
QUEUED = Metric("longspan_requests_queued", "gauge", "Requests that wait in a worker now.", _OF_ENDPOINT)
REFUSED = Metric(
    "longspan_requests_refused_total", "counter", "Requests refused because the queue was full.", _OF_ENDPOINT
)
TIMED_OUT = Metric(
    "longspan_requests_timed_out_total", "counter", "Requests not answered within their time.", _OF_ENDPOINT
)
CANCELLED = Metric(
    "longspan_requests_cancelled_total", "counter", "Requests whose client had gone before the answer.", _OF_ENDPOINT
)
BYTES_IN = Metric("longspan_request_bytes_total", "counter", "Bytes of request bodies.", _OF_ENDPOINT)
BYTES_OUT = Metric("longspan_response_bytes_total", "counter", "Bytes of answers.", _OF_ENDPOINT)
DURATION = Metric(
    "longspan_request_duration_seconds",
    "histogram",
    "From a whole request to its whole answer, inside the worker.",
    _OF_ENDPOINT,
)
STEP_RUNS = Metric("longspan_step_runs_total", "counter", "Requests that a step has worked for.", _OF_STEP)
STEP_SECONDS = Metric("longspan_step_seconds_total", "counter", "Time spent in a step.", _OF_STEP)
STEP_ROWS = Metric("longspan_step_rows_total", "counter", "Rows that a step has worked on.", _OF_STEP)
STEP_BATCHES = Metric(
    "longspan_step_batches_total", "counter", "Calls of a step: fewer than runs when it batches.", _OF_STEP
)
STEP_ERRORS = Metric("longspan_step_errors_total", "counter", "Requests that failed in a step.", _OF_STEP)
CPU = Metric("longspan_worker_cpu_seconds_total", "counter", "CPU time of a worker's process.", ("unit", "slot"))
CONNECTIONS = Metric("longspan_worker_connections", "gauge", "Connections that a worker holds now.", ("unit", "slot"))
REPLICAS = Metric("longspan_replicas", "gauge", "Replicas of a unit, by state.", ("unit", "state"))
WANTED = Metric("longspan_replicas_wanted", "gauge", "Replicas that a unit shall have.", ("unit",))
RESTARTS = Metric("longspan_replica_restarts_total", "counter", "Deaths of a slot's replicas.", ("unit", "slot"))

METRICS = (
    *(REQUESTS, IN_FLIGHT, QUEUED, REFUSED, TIMED_OUT, CANCELLED, BYTES_IN, BYTES_OUT, DURATION),
    *(STEP_RUNS, STEP_SECONDS, STEP_ROWS, STEP_BATCHES, STEP_ERRORS, CPU, CONNECTIONS),
    *(REPLICAS, WANTED, RESTARTS),
)


_QUIET_SECONDS = 0.2


class Lines(Protocol):
    def lines(self, *, unit: str, request: str, follow: bool) -> Generator[str, None, None]:
        """Lines as ``SOURCE | TEXT``; an empty one says that there is nothing new yet."""
        ...

    def tail(self, unit: str, slot: int) -> tuple[str, ...]: ...


def router(logs: Lines, status: Callable[[], messages.Status]) -> APIRouter:
    """The routes; `status` is put together by control, since it speaks of the gateway as well."""
    routes = APIRouter(prefix="/v1", tags=["replicas"])

    @routes.get("/status")
    def get_status() -> messages.Status:
        """The whole system at a glance."""
        return status()

    @routes.get("/logs")
    def get_logs(unit: str = "", request: str = "", follow: bool = False) -> StreamingResponse:
        """Lines of all logs as ``SOURCE | TEXT``, streamed; with `request`, those that hold its id."""
        return StreamingResponse(
            as_they_come(logs.lines(unit=unit, request=request, follow=follow)), media_type="text/plain"
        )

    return routes


async def as_they_come(lines: Generator[str, None, None]) -> AsyncGenerator[bytes, None]:
    """The lines, with a pause where there is nothing new.

    Paused here and not in a thread: there are few, and one that slept on would never learn that its reader is gone.
    """
    with contextlib.closing(lines):
        async for line in iterate_in_threadpool(lines):
            if line:
                yield line.encode()
            else:
                await asyncio.sleep(_QUIET_SECONDS)


def views(
    wanted: Sequence[Wanted], replicas: Sequence[Replica], last_log: Callable[[str, int], tuple[str, ...]]
) -> tuple[messages.UnitView, ...]:
    """What `status` tells of each unit; log lines only of replicas that are in trouble."""
    counts: Counter[str] = Counter()
    for want in wanted:
        # While a generation replaces another, both stand here; people ask for the count of the newer one.
        counts[want.unit.name] = want.unit.replicas
    names = dict.fromkeys((*counts, *(r.unit for r in replicas)))
    return tuple(
        messages.UnitView(
            name=name,
            wanted=counts[name],
            replicas=tuple(_view(r, last_log) for r in replicas if r.unit == name),
        )
        for name in names
    )


def _view(replica: Replica, last_log: Callable[[str, int], tuple[str, ...]]) -> messages.ReplicaView:
    slot = replica.slot
    troubled = replica.state in ("crash-loop", "dead") or slot.quick_deaths
    return messages.ReplicaView(
        slot=slot.slot,
        pid=replica.pid,
        state=replica.state,
        generation=slot.generation,
        restarts=slot.restarts,
        last_log=last_log(slot.unit, slot.slot) if troubled else (),
    )


def readings(
    wanted: Sequence[Wanted], replicas: Sequence[Replica], samples: Iterable[Sample], bounds: Sequence[float]
) -> Iterator[Reading]:
    """The replicas' part of ``/-/metrics``; `bounds` are the duration buckets' upper bounds in seconds."""
    for unit, count in {want.unit.name: want.unit.replicas for want in wanted}.items():
        yield Reading(WANTED, (unit,), count)
    for (unit, state), count in Counter((r.unit, r.state) for r in replicas).items():
        yield Reading(REPLICAS, (unit, state), count)
    for replica in replicas:
        yield Reading(RESTARTS, (replica.unit, str(replica.slot.slot)), replica.slot.restarts)
    for sample in samples:
        here, load = (sample.unit, str(sample.slot)), sample.load
        yield Reading(CPU, here, load.cpu_seconds)
        yield Reading(CONNECTIONS, here, load.connections)
        for endpoint in load.endpoints:
            there = (*here, endpoint.name)
            # From the start, so that a rate can be taken of the first request, too.
            for status, count in ({200: 0} | endpoint.requests).items():
                yield Reading(REQUESTS, (*there, str(status or "other")), count)
            yield Reading(IN_FLIGHT, there, endpoint.in_flight)
            yield Reading(QUEUED, there, endpoint.queued)
            yield Reading(REFUSED, there, endpoint.refused)
            yield Reading(TIMED_OUT, there, endpoint.timeouts)
            yield Reading(CANCELLED, there, endpoint.cancelled)
            yield Reading(BYTES_IN, there, endpoint.bytes_in)
            yield Reading(BYTES_OUT, there, endpoint.bytes_out)
            yield Reading(DURATION, there, _distribution(endpoint.duration_buckets, bounds, endpoint))
        for step in load.steps:
            of_step = (*here, step.endpoint, step.step)
            yield Reading(STEP_RUNS, of_step, step.count)
            yield Reading(STEP_SECONDS, of_step, step.seconds)
            yield Reading(STEP_ROWS, of_step, step.rows)
            yield Reading(STEP_BATCHES, of_step, step.batches)
            yield Reading(STEP_ERRORS, of_step, step.errors)


class _Timed(Protocol):
    @property
    def duration_sum_seconds(self) -> float: ...
    @property
    def duration_count(self) -> int: ...


def _distribution(buckets: Sequence[int], bounds: Sequence[float], timed: _Timed) -> Distribution:
    return Distribution(
        tuple(zip(bounds, accumulate(buckets), strict=False)), timed.duration_sum_seconds, timed.duration_count
    )
