"""One request, from its last byte until it is answered, refused or its client has gone."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, cast

import msgspec

if TYPE_CHECKING:
    import asyncio

    from longspan.serving.protocol import Connection
    from longspan.serving.routes import Route
    from longspan.wire.oip import InferRequest
    from longspan.wire.tensors import Tensor

CONNECTION = b"longspan-connection"
"""Header in which the gateway says which of its clients' connections a request came over."""
FOR_EVER = 1 << 62

_UNSET = cast("dict[str, Tensor]", None)
"""Nobody reads it before it is set; a dict for each would cost."""


current: ContextVar[Exchange | None] = ContextVar("longspan_exchange", default=None)
"""The request that a task works for; the lane sets it. What is called for it elsewhere goes under its ids and time."""


class Exchange(msgspec.Struct, eq=False):
    """A case for the graph, something that waits for batching, and an answer owed to a connection.

    A struct, since one is made for every request: msgspec's constructor runs in C.
    """

    connection: Connection
    route: Route
    fields: dict[bytes, bytes]
    """The request's headers, names in lower case."""
    keep: bool
    """May the connection be used again after the answer?"""
    body: bytes | memoryview = b""
    held: int = 0
    """Bytes of the body that count against the worker's budget (`admission.Budget`)."""
    started: int = 0
    """Nanoseconds of the monotonic clock, when its last byte had come."""
    early: int = 0
    """Nanoseconds by which it must be answered before its endpoint's own limit: its caller has no more time."""
    own: int = 0
    """Nanoseconds of its wait in which other parts of the same request ran: no other request kept it waiting."""
    turn: int = 0
    """In the line before the thread (`line`)."""
    done: bool = False
    """Answered, or nobody waits for it any more: whatever still comes of it is thrown away."""
    begun: bool = False
    """Has a first byte of its answer been sent? Then an error can only cut the connection."""
    answer: bytes | None = None
    """Ready bytes that wait for earlier requests of the same connection."""
    request: InferRequest | None = None
    """None for natural content."""
    values: dict[str, Tensor] = _UNSET
    """By name; see `graph`. Set by the endpoint, as are the next two."""
    rows: int = 1
    alike: tuple[int, ...] = ()
    outputs: dict[str, Tensor] = _UNSET
    """What is answered with, when the steps have run."""
    error: BaseException | None = None
    failed_at: str = ""
    """Name of the step that raised `error`."""
    media: str = ""
    """Natural content only: what is answered with, as this media type, from the output of the next name."""
    output: str = ""
    task: asyncio.Task[None] | None = None
    """Asynchronous chains only, as is the next."""
    progress: int = 0
    """When it was taken, or when its stream last gave something."""

    @property
    def deadline(self) -> int:
        """The moment, on the monotonic clock in nanoseconds, at which nobody waits for its answer any more."""
        endpoint = self.route.endpoint
        assert endpoint is not None, "only what waits for an endpoint has a deadline"
        return self.started + endpoint.time_limit - self.early

    @property
    def left(self) -> int:
        """Nanoseconds from when it had come until nobody waits for its answer any more."""
        endpoint = self.route.endpoint
        return FOR_EVER if endpoint is None else endpoint.time_limit - self.early

    @property
    def connection_id(self) -> bytes:
        """What the gateway calls the connection that its client sent it over; empty when it came from elsewhere."""
        return self.fields.get(CONNECTION, b"")

    @property
    def request_id(self) -> str:
        """The client's or Envoy's ``x-request-id``; empty without one."""
        return self.fields.get(b"x-request-id", b"").decode("latin-1")


def time_limit(exchanges: Iterable[Exchange]) -> int:
    """Nanoseconds that the endpoints of these give each of them; the most."""
    return max([one.route.endpoint.time_limit for one in exchanges if one.route.endpoint is not None], default=0)
