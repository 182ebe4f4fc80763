"""One request, from its last byte until it is answered, refused or its client has gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from longspan.wire.oip import InferRequest

if TYPE_CHECKING:
    import asyncio

    from longspan.serving.protocol import Connection
    from longspan.serving.routes import Route
    from longspan.wire.tensors import Tensor


class Exchange:
    """A case for the graph, something that waits for batching, and an answer owed to a connection.

    One is made for every request, so its constructor sets only what everybody reads.
    """

    __slots__ = (
        "alike", "answer", "begun", "body", "connection", "done", "error", "failed_at", "fields", "held",
        "keep", "media", "output", "outputs", "progress", "request", "route", "rows", "started", "task", "values",
    )  # fmt: skip

    values: dict[str, Tensor]
    """By name; see `graph`. Set by the endpoint, as are the next two."""
    rows: int
    alike: tuple[int, ...]
    outputs: dict[str, Tensor]
    """What is answered with, when the steps have run."""
    started: int
    """Nanoseconds of the monotonic clock, when its last byte had come."""
    failed_at: str
    """Name of the step that raised `error`; set together with it."""
    media: str
    """Natural content only: what is answered with, as this media type, from the output of the next name."""
    output: str
    task: asyncio.Task[None]
    """Asynchronous chains only, as is the next."""
    progress: int
    """When it was taken, or when its stream last gave something."""

    def __init__(self, connection: Connection, route: Route, fields: dict[bytes, bytes], keep: bool) -> None:
        self.connection = connection
        self.route = route
        self.fields = fields
        """The request's headers, names in lower case."""
        self.keep = keep
        """May the connection be used again after the answer?"""
        self.body = b""
        self.held = 0
        """Bytes of the body that count against the worker's budget (`admission.Budget`)."""
        self.done = False
        """Answered, or nobody waits for it any more: whatever still comes of it is thrown away."""
        self.begun = False
        """Has a first byte of its answer been sent? Then an error can only cut the connection."""
        self.request: InferRequest | None = None
        """None for natural content."""
        self.error: BaseException | None = None
        self.answer: bytes | None = None
        """Ready bytes that wait for earlier requests of the same connection."""

    @property
    def request_id(self) -> str:
        """The client's or Envoy's ``x-request-id``; empty without one."""
        return self.fields.get(b"x-request-id", b"").decode("latin-1")
