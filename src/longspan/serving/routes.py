"""Who answers which path? One dictionary of exact paths, made when the worker starts.

Open Inference Protocol v2: server and model metadata, health, inference, versions in the path. Natural content at
``/v1/services/NAME``. The worker's identity at ``/-/replica``, which the gateway never routes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from longspan import __version__
from longspan.base.errors import RequestError
from longspan.serving.admission import Door
from longspan.serving.alone import Alone
from longspan.serving.endpoint import Endpoint
from longspan.serving.exchange import Exchange
from longspan.serving.heads import Refused, measure
from longspan.serving.noted import Noted
from longspan.serving.refusals import refusal
from longspan.wire import http1, oip
from longspan.wire.orders import Identity

BUDGETED_BYTES = 64 << 10
"""Bodies above this count against the worker's memory budget."""
IGNORED_BODY_BYTES = BUDGETED_BYTES
"""A body that nobody reads is passed over up to this size; a larger one ends the connection."""

_JSON = b"application/json"


class Route:
    """What answers one method of one path, and how large its body may be."""

    __slots__ = ("again", "answer", "body_bytes", "endpoint", "error", "free_bytes")

    def __init__(
        self,
        answer: Callable[[Exchange], None],
        body_bytes: int = IGNORED_BODY_BYTES,
        *,
        endpoint: Endpoint | None = None,
        error: RequestError | None = None,
    ) -> None:
        """`endpoint`: where its requests may wait. `error`: this route refuses everything, with that."""
        self.answer, self.body_bytes, self.endpoint, self.error = answer, body_bytes, endpoint, error
        self.free_bytes = min(body_bytes, BUDGETED_BYTES)
        """Up to here a body is received without counting against the budget."""
        self.again: Route | None = None
        """What answers a later attempt of a request; None: the same."""

    def too_large(self) -> RequestError:
        """413, or what this route refuses everything with."""
        return self.error or RequestError(413, f"the body is larger than {self.body_bytes} bytes")


def refusing(error: RequestError, extra: bytes = b"", endpoint: Endpoint | None = None) -> Route:
    """A route that answers with `error`, once the request has been read. `endpoint` counts it."""

    def answer(exchange: Exchange) -> None:
        if endpoint is not None:
            endpoint.fail(exchange, error, extra)
            return
        keep = exchange.connection.keeps(exchange)
        exchange.connection.answer(exchange, refusal(error, keep_alive=keep, extra=extra))

    return Route(answer, endpoint=endpoint, error=error)


Paths = dict[bytes, dict[bytes, Route]]


class Routes:
    """All paths of a worker. `paths` is for the hot path; `find` knows what to say when that fails."""

    def __init__(self, paths: Paths, names: Iterable[str]) -> None:
        """`names`: the services and models that answer here, for the message of a 404."""
        self.paths = paths
        known = ", ".join(sorted(names)) or "none"
        self._unknown = refusing(RequestError(404, f"no such path here; services and models: {known}"))
        self._server = _methods({b"OPTIONS": _bare(b"OPTIONS, GET, HEAD, POST")})

    def find(self, url: bytes, method: bytes) -> Route:
        """The route of a path that may carry a query, or stand in absolute form; or one that refuses.

        Raises `Refused` 414; 501 for CONNECT, behind which comes no HTTP.
        """
        measure(url, {})
        if method == b"CONNECT":
            raise Refused(RequestError(501, "this server is no way to another"))
        path = url.partition(b"?")[0]
        if path[:7].lower() == b"http://":  # RFC 9112, 3.2.2: a server must accept it
            path = b"/" + path[7:].partition(b"/")[2]
        methods = self._server if path == b"*" else self.paths.get(path)
        if methods is None:
            return self._unknown
        return methods.get(method) or methods[b""]


def build(
    endpoints: Iterable[tuple[Endpoint, str]], door: Door, identity: Identity, noted: Noted, alone: Alone
) -> Routes:
    """The routes of a worker that holds these endpoints, each with its platform (``longspan_service``, ...).

    Requests are `noted` while they are in hand; a later attempt may have to run `alone`.
    """

    def asks(endpoint: Endpoint, take: Callable[[Exchange], None]) -> Route:
        taking = noted.at_the_door(endpoint.at_the_door(take))
        route = Route(taking, endpoint.body_bytes, endpoint=endpoint)
        route.again = Route(partial(alone.look, endpoint, taking), endpoint.body_bytes, endpoint=endpoint)
        for one in (route, route.again):
            alone.watch(one, endpoint, one.answer)
        return route

    paths: Paths = {
        b"/v2": _reads(lambda: (200, oip.server_metadata(__version__))),
        b"/v2/health/live": _reads(lambda: (200, b'{"live":true}')),
        b"/v2/health/ready": _reads(lambda: (503, b'{"ready":false}') if door.draining else (200, b'{"ready":true}')),
        b"/-/replica": _reads(lambda: (200, _identity(identity, door))),
    }
    names = []
    for endpoint, platform in endpoints:
        names.append(endpoint.name)
        paths |= _of_endpoint(endpoint, platform, door, asks)
    return Routes(paths, names)


def _of_endpoint(
    endpoint: Endpoint, platform: str, door: Door, asks: Callable[[Endpoint, Callable[[Exchange], None]], Route]
) -> Paths:
    name, version = endpoint.name, endpoint.version
    metadata = oip.model_metadata(name, version, platform, endpoint.inputs, endpoint.output_types)

    def ready() -> tuple[int, bytes]:
        return (503 if door.draining else 200), oip.ready_body(name, not door.draining)

    take = endpoint.stream_instead if endpoint.streams else endpoint.infer
    infer = asks(endpoint, take)
    paths: Paths = {}
    bases = [f"/v2/models/{name}/versions/{version}".encode()]
    if not endpoint.internal:  # a caller must never meet another signature than the one it knows
        bases.append(f"/v2/models/{name}".encode())
    for base in bases:
        paths[base] = _reads(lambda: (200, metadata))
        paths[base + b"/ready"] = _reads(ready)
        paths[base + b"/infer"] = _methods({b"POST": infer})
    if endpoint.takes_content:
        paths[f"/v1/services/{name}".encode()] = _methods({b"POST": asks(endpoint, endpoint.natural)})
    return paths


def _identity(identity: Identity, door: Door) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(identity, state="draining" if door.draining else "ready"))


def _methods(routes: dict[bytes, Route]) -> dict[bytes, Route]:
    """With OPTIONS, and under the empty method what refuses every other (405, Allow)."""
    routes.setdefault(b"OPTIONS", _bare(b", ".join(sorted({*routes, b"OPTIONS"}))))
    allowed = b", ".join(sorted(routes))
    error = RequestError(405, f"this path takes {allowed.decode()}")
    routes[b""] = refusing(error, extra=http1.header(b"allow", allowed))
    return routes


def _reads(make: Callable[[], tuple[int, bytes]]) -> dict[bytes, Route]:
    """GET and HEAD of a small document, made when asked for: (status, body)."""

    def get(exchange: Exchange) -> None:
        status, body = make()
        exchange.connection.answer(exchange, http1.response(status, _JSON, body, keep_alive=_keeps(exchange)))

    def head(exchange: Exchange) -> None:
        status, body = make()
        whole = http1.response(status, _JSON, body, keep_alive=_keeps(exchange))
        exchange.connection.answer(exchange, whole[: len(whole) - len(body)])

    return _methods({b"GET": Route(get), b"HEAD": Route(head)})


def _bare(allowed: bytes) -> Route:
    """204 with Allow: the answer to OPTIONS."""
    extra = http1.header(b"allow", allowed)

    def answer(exchange: Exchange) -> None:
        exchange.connection.answer(exchange, http1.response(204, _JSON, b"", keep_alive=_keeps(exchange), extra=extra))

    return Route(answer)


def _keeps(exchange: Exchange) -> bool:
    return exchange.connection.keeps(exchange)
