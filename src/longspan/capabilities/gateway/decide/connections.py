"""What is a caller's connection held to, whichever of the two doors it comes through?

Everything is bounded here that a client could otherwise hold open or fill: streams, head and body, and the time for
each. Source: Envoy 1.40, `extensions.filters.network.http_connection_manager.v3`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from longspan.capabilities.gateway.decide.limits import HEAD_KIB, HEADERS, STREAMS
from longspan.capabilities.gateway.decide.paths import ACCESS_LOG, TYPE, kind_path, watched

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


def connections(
    door: str,
    *,
    table: str,
    kind: str,
    replies: dict[str, Any],
    filters: Sequence[dict[str, Any]] = (),
    fields: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The connection manager of the door of that name, whose `table` of routes stands in the file of `kind`.

    `replies` word what Envoy says by itself, `filters` stand before the router, and `fields` in each line of the
    access log beside those of every door.
    """
    return {
        "@type": f"{TYPE}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": door,
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
        "rds": {"route_config_name": table, "config_source": watched(kind_path(kind))},
        "http_filters": [*filters, _router()],
        "local_reply_config": replies,
        "access_log": _access_log(fields or {}),
    }


def _router() -> dict[str, Any]:
    return {
        "name": "router",
        "typed_config": {
            "@type": f"{TYPE}envoy.extensions.filters.http.router.v3.Router",
            "suppress_envoy_headers": True,
        },
    }


def _access_log(fields: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "name": "file",
            "typed_config": {
                "@type": f"{TYPE}envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": ACCESS_LOG,
                "log_format": {"json_format": {**_FIELDS, **fields}},
            },
        }
    ]
