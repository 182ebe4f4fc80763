"""How does Envoy meet the outside: its start, its one listener, its door for readiness, its log?

Everything is bounded here that a client could otherwise hold open or fill: connections, streams, head
and body, and the time for each. Source: Envoy 1.40, `config.bootstrap.v3`, `config.listener.v3`,
`extensions.filters.network.http_connection_manager.v3`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from longspan.capabilities.gateway.decide.limits import CONNECTIONS, HEAD_KIB, HEADERS, HEAP_BYTES, STREAMS
from longspan.capabilities.gateway.decide.paths import ACCESS_LOG, ADMIN_SOCKET, TYPE, kind_path, watched
from longspan.capabilities.gateway.decide.replies import local_replies

ADDRESS = "127.0.0.1"

_READINESS = "readiness"
_HEAP = "envoy.resource_monitors.fixed_heap"
_FIELDS = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%E3SZ)%",
    # What a caller may choose is cut, or the log would be its to fill.
    "request": "%REQ(X-REQUEST-ID):128%",
    "method": "%REQ(:METHOD):32%",
    # Without the query: what people put there is not for a log.
    "path": "%PATH(NQ:PATH):256%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "ms": "%DURATION%",
    "received": "%BYTES_RECEIVED%",
    "sent": "%BYTES_SENT%",
    "replica": "%UPSTREAM_HOST%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
}


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


def listener(port: int) -> dict[str, Any]:
    """The one TCP listener: 127.0.0.1, HTTP/1.1 and HTTP/2 without TLS on the same port."""
    return {
        "@type": f"{TYPE}envoy.config.listener.v3.Listener",
        "name": "gateway",
        "address": {"socket_address": {"address": ADDRESS, "port_value": port}},
        # With it, two systems told to use one port would share its callers in silence.
        "enable_reuse_port": False,
        # One socket for all threads: without this, one of them may get all the connections.
        "connection_balance_config": {"exact_balance": {}},
        # A fifth less CPU than the default megabyte; bodies under retry have a bound of their own, on the route.
        "per_connection_buffer_limit_bytes": 32768,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": _http_connections()}]}],
    }


def _http_connections() -> dict[str, Any]:
    return {
        "@type": f"{TYPE}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "codec_type": "AUTO",
        "server_name": "longspan",
        # What stands behind /-/ is told apart by path: a path has one spelling, or it is refused.
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        # We are the edge. A caller's address is the one it calls from, and nobody outside counts as
        # "internal", whose x-envoy-* headers would rule over retries and time-outs.
        "use_remote_address": True,
        # An empty list would mean the private networks and loopback, so it names an address that nobody has.
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        # The client's request id is kept as it came and given back; the default marks ids for tracing.
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        "request_id_extension": {
            "typed_config": {
                "@type": f"{TYPE}envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig",
                "pack_trace_reason": False,
            }
        },
        "common_http_protocol_options": {
            "idle_timeout": "300s",
            "max_headers_count": HEADERS,
        },
        "max_request_headers_kb": HEAD_KIB,
        "http2_protocol_options": {
            "max_concurrent_streams": STREAMS,
            "initial_stream_window_size": 1 << 20,
            "initial_connection_window_size": 4 << 20,
        },
        "request_headers_timeout": "10s",
        "request_timeout": "300s",
        "stream_idle_timeout": "60s",
        "delayed_close_timeout": "1s",
        "rds": {"route_config_name": "main", "config_source": watched(kind_path("rds"))},
        "http_filters": _filters(),
        "local_reply_config": local_replies(),
        "access_log": _access_log(),
    }


def _filters() -> list[dict[str, Any]]:
    return [
        # Read from a file of its own: in the listener, each new unit would drain every connection.
        {
            "name": _READINESS,
            "config_discovery": {
                "config_source": watched(kind_path("ecds")),
                "type_urls": [f"{TYPE}envoy.extensions.filters.http.health_check.v3.HealthCheck"],
            },
        },
        {
            "name": "router",
            "typed_config": {
                "@type": f"{TYPE}envoy.extensions.filters.http.router.v3.Router",
                "suppress_envoy_headers": True,
            },
        },
    ]


def _access_log() -> list[dict[str, Any]]:
    return [
        {
            "name": "file",
            "typed_config": {
                "@type": f"{TYPE}envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": ACCESS_LOG,
                "log_format": {"json_format": _FIELDS},
            },
        }
    ]


def readiness(units: Iterable[str]) -> dict[str, Any]:
    """``/v2/health/ready``: 200 while each unit has a healthy replica (a share below 1% would count as none)."""
    return {
        "@type": f"{TYPE}envoy.config.core.v3.TypedExtensionConfig",
        "name": _READINESS,
        "typed_config": {
            "@type": f"{TYPE}envoy.extensions.filters.http.health_check.v3.HealthCheck",
            "pass_through_mode": False,
            "cluster_min_healthy_percentages": {unit: {"value": 1} for unit in sorted(units)},
            "headers": [{"name": ":path", "string_match": {"exact": "/v2/health/ready"}}],
        },
    }
