"""One request, from its last byte until it is answered, refused or its client has gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longspan.wire.oip import InferRequest

if TYPE_CHECKING:
    import asyncio

    from longspan.serving.endpoint import Endpoint
    from longspan.serving.protocol import Connection
    from longspan.serving.routes import Route
    from longspan.wire.tensors import Tensor


class Exchange:
    """A case for the graph, something that waits for batching, and an answer owed to a connection.

    Made by `protocol` for every request, so it is small and has no behaviour that costs.
    """

    __slots__ = (
        "alike", "answer", "begun", "body", "connection", "done", "endpoint", "error", "failed_at", "fields", "held",
        "keep", "media", "output", "progress", "request", "route", "rows", "started", "task", "torn", "values",
    )  # fmt: skip

    values: dict[str, Tensor]
    rows: int
    alike: tuple[int, ...]
    route: Route

    def __init__(self, connection: Connection, fields: dict[str, bytes]) -> None:
        self.connection = connection
        self.fields = fields
        """Those request headers that somebody here reads, by lower-case name."""
        self.body = b""
        self.held = 0
        """Bytes of the body that count against the worker's budget (`admission.Budget`)."""
        self.keep = True
        """May the connection be used again after the answer?"""
        self.torn = False
        """Refused before its last byte had come."""
        self.started = 0
        """Nanoseconds of the monotonic clock, when its last byte had come."""
        self.progress = 0
        """The same, when a stream last gave something."""
        self.done = False
        """Answered, or nobody waits for it any more: whatever still comes of it is thrown away."""
        self.answer: bytes | None = None
        """Ready bytes that wait for earlier requests of the same connection."""
        self.error: BaseException | None = None
        self.failed_at = ""
        """Name of the step that raised `error`."""
        self.request: InferRequest | None = None
        """None for natural content; then `media` and `output` say what to answer with."""
        self.media = ""
        self.output = ""
        self.begun = False
        """Has a first byte of its answer been sent? Then an error can only cut the connection."""
        self.endpoint: Endpoint | None = None
        """Whose request it is; None where nothing can wait."""
        self.task: asyncio.Task[None] | None = None

    @property
    def request_id(self) -> str:
        """The client's or Envoy's ``x-request-id``; empty without one."""
        return self.fields.get("x-request-id", b"").decode("latin-1")
