"""How do workers call the steps that run in units of their own?

Through a second listener, on a socket that only this user may open: a worker knows one address and no peers, and
retries, outliers and balance are Envoy's here as they are at the front door. It leads to units apart and to nothing
else. The time is the caller's to keep (``longspan-timeout-ms``, which Envoy cannot read): it hangs up, and the route's
own limit is only what ends the call of a caller that does not.

While an update of a step's signature goes on, replicas of two versions stand in one cluster. A call names the version
it is made for, so its route takes only the replicas that say so (`clusters`); where none is known yet, any of them
is asked, and a 404, which says "not mine", is tried elsewhere.

A server of somebody else's knows nothing of units and versions. It is asked for what it calls the step (the path of
its endpoint), by routes of versions alone: a call that no endpoint is for is answered here, 503. Its 404 is tried
nowhere else, since all its replicas know the same.

Source: Envoy 1.40, `config.listener.v3`, `config.route.v3`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from longspan.capabilities.gateway.decide.connections import connections
from longspan.capabilities.gateway.decide.limits import RETRY_SECONDS, SLACK_BYTES
from longspan.capabilities.gateway.decide.paths import EGRESS_SOCKET, TYPE
from longspan.capabilities.gateway.decide.replies import local_replies, of_egress
from longspan.capabilities.gateway.decide.retries import retries
from longspan.capabilities.gateway.decide.routes import IDLE_SECONDS, METADATA, after, duration
from longspan.system.records import Endpoint
from longspan.wire.orders import ServiceWork, Work

PIECE_BYTES = 256 << 10
"""Read of a call before it is passed on, so that one side sends while the other receives. A tensor of a megabyte took
0.71 ms so, 0.85 with 1 MiB, 0.81 with 64 KiB."""


def listener() -> dict[str, Any]:
    """The listener on `EGRESS_SOCKET`. It never changes."""
    http = connections(
        "egress", table="egress", kind="egress", replies=local_replies(of_egress()), fields={"egress": "%ROUTE_NAME%"}
    )
    return {
        "@type": f"{TYPE}envoy.config.listener.v3.Listener",
        "name": "egress",
        "address": {"pipe": {"path": EGRESS_SOCKET, "mode": 0o600}},
        # Drained last: what came in while the front door was open still has its calls to make.
        "traffic_direction": "OUTBOUND",
        "drain_type": "MODIFY_ONLY",
        # A crowd at the front door must not lock out the workers that would clear it.
        "ignore_global_conn_limit": True,
        "connection_balance_config": {"exact_balance": {}},
        "per_connection_buffer_limit_bytes": PIECE_BYTES,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": http}]}],
    }


def routes(works: Sequence[Work], endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The table of calls. Where two works answer for one name, the first has it."""
    taken: dict[str, list[dict[str, Any]]] = {}
    for work in works:
        for service in work.services:
            if service.internal:
                versions = {one.version: one.path for one in endpoints if one.unit == work.unit and one.version}
                foreign = work.server.path if work.server is not None else ""
                taken.setdefault(service.name, list(_calls(work.unit, service, versions, foreign)))
    return {
        "@type": f"{TYPE}envoy.config.route.v3.RouteConfiguration",
        "name": "egress",
        "virtual_hosts": [
            {
                "name": "units",
                "domains": ["*"],
                "include_request_attempt_count": True,  # as in `routes`
                "routes": [route for _, mine in sorted(taken.items()) for route in mine],
            }
        ],
    }


_NO_VERSION = "-"
"""Nothing has this version, which is a digest."""


def _calls(unit: str, service: ServiceWork, versions: Mapping[str, str], foreign: str) -> Iterator[dict[str, Any]]:
    """`versions`: each that an endpoint answers to -> its path at a server of somebody else's. `foreign`: that of the
    unit now; both empty for ours."""
    prefix = f"/v2/models/{service.name}"
    for version, path in sorted(versions.items()):
        yield _route(unit, service, f"{prefix}/versions/{version}", _only(version), path)
    yield _route(unit, service, prefix, _only(_NO_VERSION) if foreign else {}, foreign)


def _only(version: str) -> dict[str, Any]:
    return {"metadata_match": {"filter_metadata": {"envoy.lb": {"version": version}}}}


def _route(unit: str, service: ServiceWork, prefix: str, chosen: dict[str, Any], foreign: str) -> dict[str, Any]:
    once = next((step.name for step in service.steps if not step.repeatable), "")
    seconds = service.limits.time_seconds + RETRY_SECONDS
    again = f"; not sent again, because its step {once} is not marked repeatable" if once else ""
    return {
        "name": service.name,
        "match": {"path_separated_prefix": prefix},
        "request_body_buffer_limit": service.limits.call_bytes + SLACK_BYTES,
        "metadata": {
            "filter_metadata": {
                METADATA: {"again": again, "after": after(once), "limit": f"{service.limits.time_seconds:g} s"}
            },
        },
        "route": {
            "cluster": unit,
            "timeout": duration(seconds),
            "idle_timeout": duration(max(IDLE_SECONDS, seconds + 1)),
            "retry_policy": retries(
                repeatable=not once and not foreign, elsewhere=None if foreign else 404, ours=not foreign
            ),
            **({"prefix_rewrite": foreign} if foreign else {}),
            **chosen,
        },
    }
