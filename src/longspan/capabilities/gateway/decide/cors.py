"""May a page of another origin call from a browser?

Only where the file declares it. The listener then has Envoy's cors filter, which answers the browser's question before
a request (preflight) by itself, and the routes of services and models say who may: what the gateway says of itself and
control's pages are for no other origin. Credentials are never allowed. A route that answers by itself (413 before a
body is read) has no say in it, so a page sees that a request failed, and not why.

Source: Envoy 1.40, `extensions.filters.http.cors.v3.CorsPolicy`; Fetch Living Standard, "HTTP-CORS protocol".
"""

from __future__ import annotations

from typing import Any

from longspan.capabilities.gateway.decide.paths import TYPE
from longspan.system.records import Cors

FILTER = "envoy.filters.http.cors"

READ = ("content-type", "inference-header-content-length", "longspan-timeout-ms", "traceparent", "x-request-id")
"""Headers that Longspan reads, and that a page may send."""
SHOWN = ("inference-header-content-length", "retry-after", "x-request-id")
"""Headers of an answer that a page may see, besides those that every page may."""


def http_filter() -> dict[str, Any]:
    """What stands first in the public listener: also what later filters answer is for the page to read."""
    return {"name": FILTER, "typed_config": {"@type": f"{TYPE}envoy.extensions.filters.http.cors.v3.Cors"}}


def allowed(cors: Cors) -> dict[str, Any]:
    """The configuration of routes that may be called."""
    headers = dict.fromkeys([*READ, *(name.lower() for name in cors.headers)])
    policy = {
        "@type": f"{TYPE}envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": origin} for origin in cors.origins],
        "allow_methods": "GET, HEAD, POST",
        "allow_headers": ", ".join(headers),
        "expose_headers": ", ".join(SHOWN),
        "max_age": str(cors.max_age_seconds),
        "allow_credentials": False,
    }
    return {FILTER: policy}
