"""Routes of replicas: what runs, how much it does, and what it logs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Protocol

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from starlette.concurrency import iterate_in_threadpool

from longspan.client import messages

_QUIET_SECONDS = 0.2


class Lines(Protocol):
    def lines(self, *, unit: str, request: str, follow: bool) -> Generator[str, None, None]:
        """Lines as ``SOURCE | TEXT``; an empty one says that there is nothing new yet."""
        ...

    def tail(self, unit: str, slot: int) -> tuple[str, ...]: ...


def router(logs: Lines, status: Callable[[], messages.Status], load: Callable[[], messages.LoadView]) -> APIRouter:
    """The routes; `status` is put together by control, since it speaks of the gateway as well. `load` reads pages."""
    routes = APIRouter(prefix="/v1", tags=["replicas"])

    @routes.get("/status")
    def get_status() -> messages.Status:
        """The whole system at a glance."""
        return status()

    @routes.get("/load")
    def get_load() -> messages.LoadView:
        """What the replicas have done so far; the difference of two answers is what they do."""
        return load()

    @routes.get("/logs")
    def get_logs(unit: str = "", request: str = "", follow: bool = False) -> StreamingResponse:
        """Lines of all logs as ``SOURCE | TEXT``, streamed; with `request`, those that hold its id."""
        return StreamingResponse(
            as_they_come(logs.lines(unit=unit, request=request, follow=follow)), media_type="text/plain"
        )

    return routes


async def as_they_come(lines: Generator[str, None, None]) -> AsyncGenerator[bytes, None]:
    """The lines, with a pause where there is nothing new.

    Paused here and not in a thread: there are few, and one that slept on would never learn that its reader is gone.
    """
    with contextlib.closing(lines):
        async for line in iterate_in_threadpool(lines):
            if line:
                yield line.encode()
            else:
                await asyncio.sleep(_QUIET_SECONDS)
