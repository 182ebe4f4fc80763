"""What the gateway holds callers and replicas to, where more than one of its files must agree."""

from __future__ import annotations

RETRY_SECONDS = 7.0
"""How long a replica may be away before a request is given up: see the back-off in `routes`."""

SLACK_BYTES = 64 << 10
"""What Envoy may keep of a body beyond the service's limit, so that it is the worker that judges the body."""

HEAD_KIB = 60
"""Largest head of a request, in KiB."""

HEADERS = 100
"""Most fields in it."""

CONNECTIONS = 4096
"""Most connections of callers at a time; one more is closed at once."""

HEAP_BYTES = 2 << 30
"""Memory of Envoy from which new requests are refused: bodies are kept while a replica is away."""

STREAMS = 128
"""Most requests at a time on one HTTP/2 connection."""
