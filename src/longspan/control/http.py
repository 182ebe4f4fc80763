"""Control's two doors: the API on ``control.sock``, and the pages that Envoy may reach on ``run/pages.sock``."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse

from longspan import __version__
from longspan.base import metrics
from longspan.base.errors import Invalid, LongspanError, Refused
from longspan.capabilities.gateway import api as gateway_api
from longspan.capabilities.generations import api as generations_api
from longspan.capabilities.replicas import api as replicas_api
from longspan.capabilities.replicas.page import status_page
from longspan.capabilities.scaling import api as scaling_api
from longspan.client import messages
from longspan.control.world import World
from longspan.spec.system import System
from longspan.system.troubles import MAKE_ROOM, NO_ROOM
from longspan.wire.load import BOUNDS_SECONDS


def api(world: World, *, knock: Callable[[], None], down: Callable[[bool], None]) -> FastAPI:
    """The API, for the command line and scripts: whoever may open the socket may do all."""
    # No docs_url: those pages load scripts from elsewhere.
    app = FastAPI(title="Longspan control", version=__version__, docs_url=None, redoc_url=None)
    app.include_router(
        generations_api.router(
            world.generations, world.ledger, clock=time.time_ns, knock=knock, done=world.done, notes=world.notes
        )
    )
    app.include_router(replicas_api.router(world.logs, lambda: status(world), lambda: load(world)))

    app.include_router(scaling_api.router(world.scaling, clock=time.time_ns, knock=knock))

    @app.post("/v1/down", status_code=202)
    def post_down(order: messages.DownOrder) -> None:
        """Drain all and exit; with `now`, stop at once."""
        down(order.now)

    @app.exception_handler(LongspanError)
    def refuse(_request: Request, error: LongspanError) -> JSONResponse:
        found = problem(error)
        return JSONResponse(dataclasses.asdict(found), found.status, media_type="application/problem+json")

    @app.exception_handler(Exception)
    def fail(_request: Request, error: Exception) -> JSONResponse:
        # A fault of ours: its trace goes to the log of control, which raises it on.
        return JSONResponse(dataclasses.asdict(problem(error)), 500, media_type="application/problem+json")

    @app.exception_handler(RequestValidationError)
    def misunderstand(_request: Request, error: RequestValidationError) -> JSONResponse:
        detail = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:10])
        found = messages.Problem(title="the request is not understood", status=422, detail=detail, exit=2)
        return JSONResponse(dataclasses.asdict(found), 422, media_type="application/problem+json")

    return app


def pages(world: World) -> FastAPI:
    """What may be seen through the gateway's port: the status page and the metrics, GET only."""
    app = FastAPI(openapi_url=None)

    @app.get("/-/metrics")
    def get_metrics() -> Response:
        seen = world.seen
        readings = [
            *replicas_api.readings(seen.wanted, seen.replicas, seen.samples, BOUNDS_SECONDS, seen.memory),
            *gateway_api.readings(world.gateway),
        ]
        return PlainTextResponse(metrics.render(readings), media_type=metrics.CONTENT_TYPE)

    @app.get("/-/")
    def get_status() -> Response:
        return HTMLResponse(status_page(status(world)))

    return app


def load(world: World) -> messages.LoadView:
    """What the replicas have done so far, from their load pages as the last trip read them."""
    seen = world.seen
    at = max((sample.at for sample in seen.samples), default=time.time_ns())
    return replicas_api.loads(seen.wanted, seen.replicas, seen.samples, BOUNDS_SECONDS, at)


def status(world: World) -> messages.Status:
    """The whole at a glance, from what the last trip saw and what the ledger and the load pages say now."""
    seen, newest, now = world.seen, world.ledger.generations(1), time.time_ns()
    counts, pins, done = world.ledger.counts(), world.ledger.pins(), load(world)
    current, pending = world.ledger.current(), world.ledger.pending()
    shown = current or pending or (newest[0] if newest else None)
    failed = newest[0] if newest and newest[0].state == "failed" else None
    system = System.from_canonical(shown.accepted.system) if shown else None
    return messages.Status(
        system=system.system.name if system else "",
        generation=current.number if current else None,
        in_force=seen.in_force,
        pending=pending.number if pending else None,
        url=f"http://127.0.0.1:{world.port(shown)}" if shown else "",
        control=messages.ControlView(pid=os.getpid()),
        gateway=messages.GatewayView(pid=seen.gateway.pid, version=seen.gateway.version, trouble=seen.trouble),
        units=replicas_api.views(
            seen.wanted,
            seen.replicas,
            world.logs.tail,
            done,
            {unit: replicas_api.reason(counts.get(unit), pins.get(unit), now) for unit in counts.keys() | pins.keys()},
            seen.memory,
            world.there.troubles(seen.wanted),
            world.replicas.ends(),
        ),
        steps=replicas_api.steps(seen.wanted, done),
        failed=messages.FailedView(generation=failed.number, reason=failed.reason) if failed else None,
        services=tuple(system.services) if system else (),
        logs=os.path.abspath(world.logs.folder),
        natural={name: tuple(service.accepts or ()) for name, service in system.services.items()} if system else {},
    )


def problem(error: Exception) -> messages.Problem:
    """An error as the API, `once` and a failed start tell it. Never a stack trace."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        error = LongspanError(f"cannot be done: {error.strerror}", remedy=MAKE_ROOM)
    if not isinstance(error, LongspanError):
        return messages.Problem(title="internal error", status=500, detail=f"{type(error).__name__}: {error}"[:500])
    kind = "invalid" if isinstance(error, Invalid) else "refused" if isinstance(error, Refused) else "failed"
    return messages.Problem(
        title=kind,
        status={"invalid": 422, "refused": 409, "failed": 500}[kind],
        detail=f"{error.at}: {error.problem}" if error.at else error.problem,
        exit=error.exit_code,
        remedy=error.remedy,
        complaints=error.complaints if isinstance(error, Invalid) else (),
    )
