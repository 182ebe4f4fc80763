"""Which request of the outside goes to which unit, and how long may it take?

A step apart is no matter of the outside: its routes stand in `egress`. What may be sent twice, in `retries`.
Source: Envoy 1.40, `config.route.v3`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from longspan.base.units import format_size
from longspan.capabilities.gateway.decide.clusters import CONTROL
from longspan.capabilities.gateway.decide.cors import allowed
from longspan.capabilities.gateway.decide.limits import RETRY_SECONDS, SLACK_BYTES
from longspan.capabilities.gateway.decide.paths import TYPE
from longspan.capabilities.gateway.decide.retries import NOT_BEGUN, retries
from longspan.system.records import Cors
from longspan.wire.orders import Limits, ServiceWork, Work

EXTENSIONS = ("binary_tensor_data",)
"""OIP extensions of our workers, as ``GET /v2`` names them."""

IDLE_SECONDS = 60.0
"""Least time that a request may be silent."""

READING: dict[str, Any] = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}
"""Does the request only read?"""

METADATA = "longspan"
"""Under this name a route says what Envoy's own answers should say; see `replies`."""


def routes(works: Sequence[Work], version: str, cors: Cors | None = None) -> dict[str, Any]:
    """The table of routes. Where two works answer for one name, the first has it.

    `cors`: which pages of other origins may call them.
    """
    may = {"typed_per_filter_config": allowed(cors)} if cors is not None else {}
    taken: dict[str, list[dict[str, Any]]] = {}
    for work in works:
        for service in work.services:
            if service.internal:
                continue
            taken.setdefault(service.name, list(_service(work.unit, service)))
        for model in work.models:
            if model.answers:
                taken.setdefault(model.name, list(_model(work, model.name)))
    return {
        "@type": f"{TYPE}envoy.config.route.v3.RouteConfiguration",
        "name": "main",
        # What a replica tells about its load, or that it has not begun, is for us, not for its callers.
        "response_headers_to_remove": ["endpoint-load-metrics", NOT_BEGUN],
        # Workers see our connections only, and shall be fair between those of the callers.
        "request_headers_to_add": [
            {
                "header": {"key": "longspan-connection", "value": "%CONNECTION_ID%"},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }
        ],
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                # A worker asks for whom a replica died only when it is told that this is no first attempt.
                "include_request_attempt_count": True,
                # Requests come first: routes are tried in order, and nobody waits for a health check.
                "routes": [
                    *(route | may for _, mine in sorted(taken.items()) for route in mine),
                    *_of_the_gateway_itself(version),
                    *_pages(),
                ],
            }
        ],
    }


def _service(unit: str, service: ServiceWork) -> Iterator[dict[str, Any]]:
    once = next((step.name for step in service.steps if not step.repeatable), "")
    streams = any(step.signature.call == "stream" for step in service.steps)
    for prefix in (f"/v2/models/{service.name}", f"/v1/services/{service.name}"):
        yield from _calls(unit, service.name, prefix, service.limits, once=once, streams=streams)


def _model(work: Work, name: str) -> Iterator[dict[str, Any]]:
    # A model computes and does nothing else: running it twice harms nobody.
    yield from _calls(work.unit, name, f"/v2/models/{name}", work.limits, once="", streams=False)


def _calls(unit: str, name: str, prefix: str, limits: Limits, *, once: str, streams: bool) -> Iterator[dict[str, Any]]:
    """The routes of one name under one address; `once` names the step that must not run twice, if any."""
    yield _too_large(name, prefix, limits.body_bytes)
    seconds = limits.time_seconds + RETRY_SECONDS
    action: dict[str, Any] = {
        "cluster": unit,
        # A stream may last for ever, but not be silent: for it the limit of time counts between chunks.
        "timeout": "0s" if streams else duration(seconds),
        # Also what bounds a client that sends its body slower and slower, hence never under the usual minute.
        "idle_timeout": duration(seconds if streams else max(IDLE_SECONDS, seconds + 1)),
        "retry_policy": retries(repeatable=not once),
    }
    again = f"; not sent again, because its step {once} is not marked repeatable" if once else ""
    yield {
        "name": name,
        "match": {"path_separated_prefix": prefix},
        # A body that was not kept cannot be sent again, and the listener keeps 32 KiB only.
        "request_body_buffer_limit": limits.body_bytes + SLACK_BYTES,
        "metadata": {
            "filter_metadata": {
                METADATA: {"again": again, "after": after(once), "limit": _seconds(limits.time_seconds)}
            }
        },
        "route": action,
    }


def after(once: str) -> str:
    """Retry-After of who was cut off at work: nothing (then the header is left out) where a step must not run twice."""
    return "" if once else "1"


def _too_large(name: str, prefix: str, limit: int) -> dict[str, Any]:
    """413 before a byte of the body is read. A body of untold length is counted, and refused, by the worker."""
    return {
        "name": name,
        "match": {
            "path_separated_prefix": prefix,
            "headers": [{"name": "content-length", "range_match": {"start": limit + 1, "end": (1 << 63) - 1}}],
        },
        "direct_response": _says(413, f"the body is larger than {name} takes ({format_size(limit)})"),
    }


def _of_the_gateway_itself(version: str) -> Iterator[dict[str, Any]]:
    """`/v2/health/ready` is only refused here: a filter answers it from the health of all units
    (`listener.readiness`)."""
    metadata = {"name": "longspan", "version": version, "extensions": list(EXTENSIONS)}
    for path, body in (("/v2", metadata), ("/v2/", metadata), ("/v2/health/live", {"live": True})):
        match = {"path": path, "headers": [READING]}
        yield {"name": path, "match": match, "direct_response": _says(200, json.dumps(body))}
        yield _read_only(path, {"path": path}, f"{path} can only be read: use GET")
    path = "/v2/health/ready"
    yield _read_only(path, {"path": path, "headers": [{**READING, "invert_match": True}]}, "use GET")


def _pages() -> Iterator[dict[str, Any]]:
    """Control's pages, which only read: any other method is turned away here."""
    yield {
        "name": CONTROL,
        "match": {"prefix": "/-/", "headers": [READING]},
        "route": {"cluster": CONTROL, "timeout": "10s"},
    }
    yield _read_only(CONTROL, {"prefix": "/-/"}, "what is under /-/ can only be read: use GET")
    yield {"name": CONTROL, "match": {"path": "/-"}, "redirect": {"path_redirect": "/-/", "response_code": "FOUND"}}


def _read_only(name: str, match: dict[str, Any], text: str) -> dict[str, Any]:
    return {
        "name": name,
        "match": match,
        "response_headers_to_add": [{"header": {"key": "allow", "value": "GET, HEAD"}}],
        "direct_response": _says(405, text),
    }


def _says(status: int, text: str) -> dict[str, Any]:
    """`text` as it is for a success; `replies` makes an OIP error of any other."""
    return {"status": status, "body": {"inline_string": text}}


def duration(seconds: float) -> str:
    """`seconds` as Envoy writes them, to the millisecond."""
    return f"{seconds:.3f}s"


def _seconds(seconds: float) -> str:
    return f"{seconds:g} s"
