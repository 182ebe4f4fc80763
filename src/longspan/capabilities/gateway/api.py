"""The gateway's part of ``/-/metrics``: Envoy's own figures under our names, in seconds and bytes.

Envoy keeps several thousand; these are the ones that answer a question. They count from the start of
Envoy, which outlives control.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Protocol

from longspan.base.metrics import Distribution, Metric, Reading
from longspan.capabilities.gateway.decide.clusters import unit_of

ANSWERS = Metric(
    "longspan_gateway_answers_total", "counter", "Answers to callers, those of the gateway itself included.", ("class",)
)
DURATION = Metric(
    "longspan_gateway_request_duration_seconds",
    "histogram",
    "Time from a caller's first byte to the answer's last.",
)
ACTIVE = Metric("longspan_gateway_requests", "gauge", "Requests of callers in flight.")
CALLERS = Metric("longspan_gateway_connections", "gauge", "Connections of callers.")
ACCEPTED = Metric("longspan_gateway_connections_total", "counter", "Connections that callers have opened.")
FULL = Metric(
    "longspan_gateway_connections_refused_total", "counter", "Connections closed at once, because the gateway was full."
)
UNIT_ANSWERS = Metric("longspan_unit_answers_total", "counter", "Answers by unit, after retries.", ("unit", "class"))
UNIT_DURATION = Metric(
    "longspan_unit_duration_seconds", "histogram", "Time that a unit's replica took for a whole answer.", ("unit",)
)
UNIT_ACTIVE = Metric("longspan_unit_requests", "gauge", "Requests in flight to a unit's replicas.", ("unit",))
UNIT_CONNECTIONS = Metric(
    "longspan_unit_connections", "gauge", "Connections between the gateway and a unit's replicas.", ("unit",)
)
RETRIES = Metric("longspan_unit_retries_total", "counter", "Attempts after the first.", ("unit",))
UNREACHED = Metric(
    "longspan_unit_connect_failures_total", "counter", "Connections to a replica that never opened.", ("unit",)
)
TIMEOUTS = Metric("longspan_unit_timeouts_total", "counter", "Requests that a unit did not answer in time.", ("unit",))
ENDPOINTS = Metric("longspan_unit_endpoints", "gauge", "Replicas that the gateway knows.", ("unit",))
HEALTHY = Metric("longspan_unit_endpoints_healthy", "gauge", "Those of them that it sends requests to.", ("unit",))
EJECTED = Metric("longspan_unit_endpoints_ejected", "gauge", "Those that are out for a while.", ("unit",))
EJECTIONS = Metric("longspan_unit_ejections_total", "counter", "Times that a replica was put out.", ("unit",))
UP = Metric("longspan_gateway_up", "gauge", "1 while Envoy answers on its admin socket, else 0.")
UPTIME = Metric("longspan_gateway_uptime_seconds", "gauge", "Time since Envoy was started.")
MEMORY = Metric("longspan_gateway_memory_bytes", "gauge", "Memory that Envoy has allocated.")

METRICS = (
    *(ANSWERS, DURATION, ACTIVE, CALLERS, ACCEPTED, FULL, UP, UPTIME, MEMORY),
    *(UNIT_ANSWERS, UNIT_DURATION, UNIT_ACTIVE, UNIT_CONNECTIONS, RETRIES, UNREACHED, TIMEOUTS),
    *(ENDPOINTS, HEALTHY, EJECTED, EJECTIONS),
)

_CLASS, _UNIT = "envoy_response_code_class", "envoy_cluster_name"
_OURS: Mapping[str, Metric] = {
    "envoy_http_downstream_rq_xx": ANSWERS,
    "envoy_http_downstream_rq_time": DURATION,
    "envoy_http_downstream_rq_active": ACTIVE,
    "envoy_http_downstream_cx_active": CALLERS,
    "envoy_http_downstream_cx_total": ACCEPTED,
    "envoy_listener_downstream_global_cx_overflow": FULL,
    "envoy_cluster_upstream_rq_xx": UNIT_ANSWERS,
    "envoy_cluster_upstream_rq_time": UNIT_DURATION,
    "envoy_cluster_upstream_rq_active": UNIT_ACTIVE,
    "envoy_cluster_upstream_cx_active": UNIT_CONNECTIONS,
    "envoy_cluster_upstream_rq_retry": RETRIES,
    "envoy_cluster_upstream_cx_connect_fail": UNREACHED,
    "envoy_cluster_upstream_rq_timeout": TIMEOUTS,
    "envoy_cluster_membership_total": ENDPOINTS,
    "envoy_cluster_membership_healthy": HEALTHY,
    "envoy_cluster_outlier_detection_ejections_active": EJECTED,
    "envoy_cluster_outlier_detection_ejections_enforced_total": EJECTIONS,
    "envoy_server_uptime": UPTIME,
    "envoy_server_memory_allocated": MEMORY,
}
# Envoy's names of them, of callers' connections and of units only: control's own cluster begins with an underscore.
WANTED = (
    r"^cluster\.[^._][^.]*\.(upstream_(rq_([1-5]xx|time|active|retry|timeout)|cx_(active|connect_fail))"
    r"|membership_(total|healthy)|outlier_detection\.ejections_(active|enforced_total))$"
    r"|^http\.gateway\.downstream_(rq_([1-5]xx|time|active)|cx_(active|total))$"
    r"|^listener\.127[^a-z]*\.downstream_global_cx_overflow$|^server\.(uptime|memory_allocated)$"
)
_LINE = re.compile(r"([a-z_0-9]+)\{(.*)\} (\S+)")
_LABEL = re.compile(r'([a-z_]+)="([^"]*)"')


class Figures(Protocol):
    def figures(self, pattern: str) -> str: ...


def readings(see: Figures) -> Iterator[Reading]:
    """What Envoy counts, read at this moment; only that it is not up when it does not answer."""
    text = see.figures(WANTED)
    yield Reading(UP, (), 1 if text else 0)
    yield from translate(text)


def translate(text: str) -> Iterator[Reading]:
    """Envoy's Prometheus page -> our readings. Its milliseconds become seconds."""
    times: dict[tuple[Metric, tuple[str, ...]], dict[str, list[tuple[float, float]]]] = {}
    for line in text.splitlines():
        if not (match := _LINE.fullmatch(line)):
            continue
        name, value, labels = match[1], float(match[3]), dict(_LABEL.findall(match[2]))
        if metric := _OURS.get(name):
            yield Reading(metric, _values(metric, labels), value)
            continue
        base, _, part = name.rpartition("_")
        if (metric := _OURS.get(base)) and metric.kind == "histogram":
            parts = times.setdefault((metric, _values(metric, labels)), {})
            parts.setdefault(part, []).append((float(labels.get("le", "nan")), value))
    for (metric, values), parts in times.items():
        buckets = [(bound / 1e3, int(count)) for bound, count in parts["bucket"] if bound != float("inf")]
        [(_, total)], [(_, count)] = parts["sum"], parts["count"]
        yield Reading(metric, values, Distribution(tuple(buckets), total / 1e3, int(count)))


def _values(metric: Metric, labels: Mapping[str, str]) -> tuple[str, ...]:
    known = {"unit": unit_of(labels.get(_UNIT, "")), "class": f"{labels.get(_CLASS, '')}xx"}
    return tuple(known[label] for label in metric.labels)
