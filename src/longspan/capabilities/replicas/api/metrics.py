"""The replicas' part of ``/-/metrics``: what workers have counted in their load pages, and what is seen of replicas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Protocol

from longspan.base.metrics import Distribution, Metric, Reading
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
POISONOUS = Metric(
    "longspan_requests_poisonous_total",
    "counter",
    "Requests refused because two replicas had died of them.",
    _OF_ENDPOINT,
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
BEGUN = Metric("longspan_requests_begun_total", "counter", "Requests whose first step has begun.", _OF_ENDPOINT)
WAITED = Metric(
    "longspan_request_wait_seconds_total", "counter", "Time that those begun had waited for it.", _OF_ENDPOINT
)
OLDEST = Metric(
    "longspan_request_wait_oldest_seconds",
    "gauge",
    "So long the oldest request that still waits in a worker has waited; 0 when none does.",
    _OF_ENDPOINT,
)
STEP_RUNS = Metric("longspan_step_runs_total", "counter", "Requests that a step has worked for.", _OF_STEP)
STEP_SECONDS = Metric("longspan_step_seconds_total", "counter", "Time spent in a step.", _OF_STEP)
STEP_ROWS = Metric("longspan_step_rows_total", "counter", "Rows that a step has worked on.", _OF_STEP)
STEP_BATCHES = Metric(
    "longspan_step_batches_total", "counter", "Calls of a step: fewer than runs when it batches.", _OF_STEP
)
STEP_ERRORS = Metric("longspan_step_errors_total", "counter", "Requests that failed in a step.", _OF_STEP)
STEP_DEATHS = Metric(
    "longspan_step_deaths_total",
    "counter",
    "Processes of a slot that died while a step ran; counted when the next one starts.",
    _OF_STEP,
)
STEP_WAITING = Metric("longspan_step_waiting", "gauge", "Requests that wait for a step now.", _OF_STEP)
STEP_SKIPPED = Metric(
    "longspan_step_skipped_total", "counter", "Requests that a step was not run for, because of its when.", _OF_STEP
)
STEP_CELLS = Metric(
    "longspan_step_cells_total", "counter", "Elements of a step's padded inputs, padding included.", _OF_STEP
)
STEP_PADDING = Metric(
    "longspan_step_padding_cells_total", "counter", "Those of them that are padding: the waste.", _OF_STEP
)
CPU = Metric("longspan_worker_cpu_seconds_total", "counter", "CPU time of a worker's process.", ("unit", "slot"))
MEMORY = Metric("longspan_worker_memory_bytes", "gauge", "Memory that a worker's process holds now.", ("unit", "slot"))
CONNECTIONS = Metric("longspan_worker_connections", "gauge", "Connections that a worker holds now.", ("unit", "slot"))
REPLICAS = Metric("longspan_replicas", "gauge", "Replicas of a unit, by state.", ("unit", "state"))
WANTED = Metric("longspan_replicas_wanted", "gauge", "Replicas that a unit shall have.", ("unit",))
RESTARTS = Metric("longspan_replica_restarts_total", "counter", "Deaths of a slot's replicas.", ("unit", "slot"))
OVERWEIGHT = Metric(
    "longspan_replicas_replaced_for_memory_total",
    "counter",
    "Replicas that were over their memory and were replaced, since control started.",
    ("unit",),
)

METRICS = (
    *(REQUESTS, IN_FLIGHT, QUEUED, REFUSED, POISONOUS, TIMED_OUT, CANCELLED, BYTES_IN, BYTES_OUT, DURATION),
    *(BEGUN, WAITED, OLDEST, STEP_RUNS, STEP_SECONDS, STEP_ROWS, STEP_BATCHES, STEP_ERRORS, STEP_DEATHS),
    *(STEP_WAITING, STEP_SKIPPED, STEP_CELLS, STEP_PADDING, CPU, MEMORY, CONNECTIONS),
    *(REPLICAS, WANTED, RESTARTS, OVERWEIGHT),
)


class _Held(Protocol):
    @property
    def replaced(self) -> int: ...


def readings(
    wanted: Sequence[Wanted],
    replicas: Sequence[Replica],
    samples: Iterable[Sample],
    bounds: Sequence[float],
    memory: Mapping[str, _Held] | None = None,
) -> Iterator[Reading]:
    """The replicas' part of ``/-/metrics``; `bounds` are the duration buckets' upper bounds in seconds.

    `memory`: how each unit is held to its memory that is granted some.
    """
    for unit, held in (memory or {}).items():
        yield Reading(OVERWEIGHT, (unit,), held.replaced)
    for unit, count in {want.unit.name: want.unit.replicas for want in wanted}.items():
        yield Reading(WANTED, (unit,), count)
    for (unit, state), count in Counter((r.unit, r.state) for r in replicas).items():
        yield Reading(REPLICAS, (unit, state), count)
    for replica in replicas:
        yield Reading(RESTARTS, (replica.unit, str(replica.slot.slot)), replica.slot.restarts)
    for sample in samples:
        here, load = (sample.unit, str(sample.slot)), sample.load
        yield Reading(CPU, here, load.cpu_seconds)
        yield Reading(MEMORY, here, load.memory_bytes)
        yield Reading(CONNECTIONS, here, load.connections)
        for endpoint in load.endpoints:
            there = (*here, endpoint.name)
            # From the start, so that a rate can be taken of the first request, too.
            for status, count in ({200: 0} | endpoint.requests).items():
                yield Reading(REQUESTS, (*there, str(status or "other")), count)
            yield Reading(IN_FLIGHT, there, endpoint.in_flight)
            yield Reading(QUEUED, there, endpoint.queued)
            yield Reading(REFUSED, there, endpoint.refused)
            yield Reading(POISONOUS, there, endpoint.poisonous)
            yield Reading(TIMED_OUT, there, endpoint.timeouts)
            yield Reading(CANCELLED, there, endpoint.cancelled)
            yield Reading(BYTES_IN, there, endpoint.bytes_in)
            yield Reading(BYTES_OUT, there, endpoint.bytes_out)
            yield Reading(BEGUN, there, endpoint.begun)
            yield Reading(WAITED, there, endpoint.waited_seconds)
            yield Reading(OLDEST, there, endpoint.oldest_seconds)
            yield Reading(DURATION, there, _distribution(endpoint.duration_buckets, bounds, endpoint))
        for step in load.steps:
            of_step = (*here, step.endpoint, step.step)
            yield Reading(STEP_RUNS, of_step, step.count)
            yield Reading(STEP_SECONDS, of_step, step.seconds)
            yield Reading(STEP_ROWS, of_step, step.rows)
            yield Reading(STEP_BATCHES, of_step, step.batches)
            yield Reading(STEP_ERRORS, of_step, step.errors)
            yield Reading(STEP_DEATHS, of_step, step.deaths)
            yield Reading(STEP_WAITING, of_step, step.waiting)
            yield Reading(STEP_SKIPPED, of_step, step.skipped)
            if step.cells:
                yield Reading(STEP_CELLS, of_step, step.cells)
                yield Reading(STEP_PADDING, of_step, step.padding)


class _Timed(Protocol):
    @property
    def duration_sum_seconds(self) -> float: ...
    @property
    def duration_count(self) -> int: ...


def _distribution(buckets: Sequence[int], bounds: Sequence[float], timed: _Timed) -> Distribution:
    return Distribution(
        tuple(zip(bounds, accumulate(buckets), strict=False)), timed.duration_sum_seconds, timed.duration_count
    )
