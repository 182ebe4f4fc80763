"""How does Envoy reach a unit? One cluster per unit, whose endpoints stand in a file of their own.

A cluster depends on nothing but the unit's name, and on whose server it is: a unit that is about to go renders as it
did before (a server of somebody else's as one of ours, which ends no call), and only its endpoints change from one day
to the next.

The settings below are those that Envoy's defaults get wrong for a few replicas on one machine.
Source: Envoy 1.40, `config.cluster.v3`, `config.endpoint.v3`, and the trials told in DESIGN 14, 15.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from longspan.capabilities.gateway.decide.paths import PAGES_SOCKET, TYPE, kind_path, watched
from longspan.system.records import Endpoint

CONTROL = "_control"
"""Cluster of control's pages. No unit can be called so: an underscore is in no DNS label."""

_HEALTH_CHECK = {
    "http_health_check": {"path": "/v2/health/ready"},
    "interval": "1s",
    # A unit nobody calls would be asked once a minute; a service is asked for readiness from its first second.
    "no_traffic_interval": "1s",
    "timeout": "1s",
    "unhealthy_threshold": 2,
    "healthy_threshold": 1,
    # A replica that comes back in its slot is used again a quarter of a second later, not a second.
    "unhealthy_interval": "0.250s",
    "unhealthy_edge_interval": "0.250s",
}

_OUTLIERS = {
    # A status that user code chose must eject nobody: only what the replica's connection does counts,
    # and by default statuses and broken connections are one count.
    "split_external_local_origin_errors": True,
    "enforcing_consecutive_5xx": 0,
    "enforcing_consecutive_gateway_failure": 0,
    "enforcing_success_rate": 0,
    "enforcing_failure_percentage": 0,
    "enforcing_local_origin_success_rate": 0,
    "enforcing_failure_percentage_local_origin": 0,
    # A dead replica has no requests in flight, so least request would love it: out after three refused connections.
    "consecutive_local_origin_failure": 3,
    "enforcing_consecutive_local_origin_failure": 100,
    # The default, 10%, ejects nobody of two.
    "max_ejection_percent": 100,
    # A replica is back within a second or two; the default keeps it out for 30 s, then 60, 90 ...
    "interval": "1s",
    "base_ejection_time": "1s",
    "max_ejection_time": "2s",
}


def _policy(name: str, typed: dict[str, Any]) -> dict[str, Any]:
    return {"policies": [{"typed_extension_config": {"name": name, "typed_config": typed}}]}


_LEAST_REQUEST = _policy(
    "least-request",
    {
        "@type": f"{TYPE}envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest",
        # Of two replicas, the default (two random picks) takes the busier one every fourth time.
        "selection_method": "FULL_SCAN",
    },
)

CALL_BUFFER_BYTES = 4 << 20
"""Kept of a connection to a step apart before the caller is held back: with the 32 KiB of other clusters, a tensor of
a megabyte takes many more turns of the event loops on its way."""

_MANY = 100_000
_LIMITS = {
    # The workers bound their queues and answer 503 with Retry-After by themselves. Envoy's own defaults
    # (1024 requests, 3 retries at a time) would fail the very requests that a restart has to save.
    "thresholds": [
        {
            "max_connections": _MANY,
            "max_pending_requests": _MANY,
            "max_requests": _MANY,
            "max_retries": _MANY,
            "track_remaining": True,
        }
    ]
}


OURS_IDLE, FOREIGN_IDLE = "60s", "1s"
"""How long a connection is kept that nobody uses: less than the other side does, so that no request is sent into one
that is being closed. Our workers keep them for 90 s; of servers of other people, some for two (gunicorn), many for five
(Node.js, uvicorn)."""


def cluster(unit: str, *, foreign: bool = False) -> dict[str, Any]:
    """The cluster of `unit`; its endpoints are read from the unit's own file. `foreign`: a server of somebody else's
    runs there."""
    return {
        **({"alt_stat_name": stat_name(unit)} if apart(unit) else {}),
        "@type": f"{TYPE}envoy.config.cluster.v3.Cluster",
        "name": unit,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": watched(kind_path(f"eds/{unit}"))},
        "connect_timeout": "1s",
        "load_balancing_policy": _by_version(_LEAST_REQUEST, foreign=foreign) if apart(unit) else _LEAST_REQUEST,
        # "All out" must mean "try all": with 0 a single replica that dies turns into "no healthy upstream",
        # which Envoy does not retry; the default of 50 sends requests to dead replicas while one of two lives.
        "common_lb_config": {
            "healthy_panic_threshold": {"value": 1},
            # A replica that is well again would else be left out for up to another second.
            "update_merge_window": "0s",
        },
        # An endpoint that is taken away goes at once, though its health check still passes; requests in flight end.
        "ignore_health_on_host_removal": True,
        "health_checks": [_HEALTH_CHECK],
        "outlier_detection": _OUTLIERS,
        "circuit_breakers": _LIMITS,
        "typed_extension_protocol_options": _http(idle=FOREIGN_IDLE if foreign else OURS_IDLE),
        "per_connection_buffer_limit_bytes": CALL_BUFFER_BYTES if apart(unit) else 32768,
    }


def apart(unit: str) -> bool:
    """Is it a step in a unit of its own, ``SERVICE.STEP``?"""
    return "." in unit


def stat_name(unit: str) -> str:
    """Under this name Envoy counts for the cluster: it takes a dot for the end of a name, so there is none in it."""
    return unit.replace(".", "/")


def unit_of(stat_name: str) -> str:
    """The unit for which Envoy counts under that name."""
    return stat_name.replace("/", ".")


def _by_version(policy: dict[str, Any], *, foreign: bool) -> dict[str, Any]:
    # Two versions of a step stand side by side in an update. Sent anywhere, calls would crowd where they are refused:
    # who refuses at once has the fewest requests. A server of somebody else's does not even know that it should refuse.
    fallback = "NO_FALLBACK" if foreign else "ANY_ENDPOINT"
    return _policy(
        "by-version",
        {
            "@type": f"{TYPE}envoy.extensions.load_balancing_policies.subset.v3.Subset",
            "subset_selectors": [{"keys": ["version"], "fallback_policy": fallback}],
            "fallback_policy": "ANY_ENDPOINT",
            # A server that is there already may be called as by two generations at once.
            "list_as_any": True,
            "subset_lb_policy": policy,
        },
    )


def endpoints(unit: str, wanted: Iterable[Endpoint]) -> dict[str, Any]:
    """Where the replicas of `unit` listen, in the order of their slots."""
    versions: dict[str, list[str]] = {}
    # Of two endpoints of one address Envoy would forget the second.
    for one in sorted(one for one in wanted if one.unit == unit):
        known = versions.setdefault(one.socket, [])
        if one.version and one.version not in known:
            known.append(one.version)
    sockets = [{"endpoint": {"address": _address(at)}, **_versioned(there)} for at, there in versions.items()]
    return {
        "@type": f"{TYPE}envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": unit,
        "endpoints": [{"lb_endpoints": sockets}] if sockets else [],
    }


def _versioned(versions: Sequence[str]) -> dict[str, Any]:
    if not versions:
        return {}
    version = versions[0] if len(versions) == 1 else list(versions)
    return {"metadata": {"filter_metadata": {"envoy.lb": {"version": version}}}}


def control() -> dict[str, Any]:
    """The cluster of control's pages: one socket, no retries, nothing that waits for it."""
    return {
        "@type": f"{TYPE}envoy.config.cluster.v3.Cluster",
        "name": CONTROL,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": CONTROL,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _pipe(PAGES_SOCKET)}}]}],
        },
        "typed_extension_protocol_options": _http(idle="4s"),
    }


def _address(address: str) -> dict[str, Any]:
    """As `address_of` reads it."""
    host, _, port = address.rpartition(":")
    if "/" in address or not port.isdigit():
        return _pipe(address)
    return {"socket_address": {"address": host, "port_value": int(port)}}


def address_of(told: Mapping[str, Any]) -> str:
    """The address in an endpoint, as `system.records.Endpoint` holds it."""
    if "pipe" in told:
        return str(told["pipe"]["path"])
    tcp = told["socket_address"]
    return f"{tcp['address']}:{tcp['port_value']}"


def _pipe(path: str) -> dict[str, Any]:
    return {"pipe": {"path": path}}


def _http(*, idle: str) -> dict[str, Any]:
    return {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": f"{TYPE}envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "common_http_protocol_options": {"idle_timeout": idle},
            "explicit_http_config": {"http_protocol_options": {}},
        }
    }
