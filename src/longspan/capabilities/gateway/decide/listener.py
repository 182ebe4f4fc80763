"""How does Envoy start, and how does it meet the outside: its one public listener, its door for readiness?

What each connection is held to stands in `connections`; the other listener, for our own workers, in `egress`.
Source: Envoy 1.40, `config.bootstrap.v3`, `config.listener.v3`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from longspan.capabilities.gateway.decide.connections import connections
from longspan.capabilities.gateway.decide.cors import http_filter
from longspan.capabilities.gateway.decide.limits import CONNECTIONS, HEAP_BYTES
from longspan.capabilities.gateway.decide.paths import ADMIN_SOCKET, TYPE, kind_path, watched
from longspan.capabilities.gateway.decide.replies import local_replies, of_outside
from longspan.capabilities.gateway.decide.routes import READING

ADDRESS = "127.0.0.1"

_READINESS = "readiness"
_HEAP = "envoy.resource_monitors.fixed_heap"


def bootstrap() -> dict[str, Any]:
    """What Envoy is started with. It never changes, so that Envoy need not be restarted for a new system."""
    return {
        "node": {"id": "gateway", "cluster": "longspan"},
        # The kernel keeps others out of the socket, and the state folder's mode keeps them from seeing it.
        "admin": {"address": {"pipe": {"path": ADMIN_SOCKET, "mode": 0o600}}},
        "dynamic_resources": {"cds_config": watched(kind_path("cds")), "lds_config": watched(kind_path("lds"))},
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": f"{TYPE}envoy.extensions.resource_monitors.downstream_connections.v3"
                        ".DownstreamConnectionsConfig",
                        "max_active_downstream_connections": CONNECTIONS,
                    },
                },
                {
                    "name": _HEAP,
                    "typed_config": {
                        "@type": f"{TYPE}envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                        "max_heap_size_bytes": HEAP_BYTES,
                    },
                },
            ],
            "actions": [
                # First what is free goes back to the system, since a heap that once was large stays so.
                _at("envoy.overload_actions.shrink_heap", 0.8),
                _at("envoy.overload_actions.stop_accepting_requests", 1.0),
            ],
        },
    }


def _at(action: str, share: float) -> dict[str, Any]:
    return {"name": action, "triggers": [{"name": _HEAP, "threshold": {"value": share}}]}


def listener(port: int, *, cors: bool = False) -> dict[str, Any]:
    """The one TCP listener: 127.0.0.1, HTTP/1.1 and HTTP/2 without TLS on the same port.

    `cors`: the routes say which pages of other origins may call.
    """
    filters = [*([http_filter()] if cors else []), _readiness_filter()]
    http = connections("gateway", table="main", kind="rds", replies=local_replies(of_outside()), filters=filters)
    return {
        "@type": f"{TYPE}envoy.config.listener.v3.Listener",
        "name": "gateway",
        "address": {"socket_address": {"address": ADDRESS, "port_value": port}},
        # What is drained first: requests on their way still call units apart through the other listener.
        "traffic_direction": "INBOUND",
        # With it, two systems told to use one port would share its callers in silence.
        "enable_reuse_port": False,
        # One socket for all threads: without this, one of them may get all the connections.
        "connection_balance_config": {"exact_balance": {}},
        # A fifth less CPU than the default megabyte; bodies under retry have a bound of their own, on the route.
        "per_connection_buffer_limit_bytes": 32768,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": http}]}],
    }


def _readiness_filter() -> dict[str, Any]:
    # Read from a file of its own: in the listener, each new unit would drain every connection.
    return {
        "name": _READINESS,
        "config_discovery": {
            "config_source": watched(kind_path("ecds")),
            "type_urls": [f"{TYPE}envoy.extensions.filters.http.health_check.v3.HealthCheck"],
        },
    }


def readiness(units: Iterable[str]) -> dict[str, Any]:
    """``/v2/health/ready``: 200 while each unit has a healthy replica (a share below 1% would count as none)."""
    return {
        "@type": f"{TYPE}envoy.config.core.v3.TypedExtensionConfig",
        "name": _READINESS,
        "typed_config": {
            "@type": f"{TYPE}envoy.extensions.filters.http.health_check.v3.HealthCheck",
            "pass_through_mode": False,
            "cluster_min_healthy_percentages": {unit: {"value": 1} for unit in sorted(units)},
            "headers": [{"name": ":path", "string_match": {"exact": "/v2/health/ready"}}, READING],
        },
    }
