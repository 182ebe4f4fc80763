"""All that one replica holds while it serves: its connections, its endpoints, and two coarse clocks.

The sweep looks every quarter of a second for what takes too long, and only while something waits, runs or comes
in. The tick writes the load page and closes what has been idle for long: every quarter of a second while there are
requests, else once a second. No request has a timer of its own.
"""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable, Sequence
from time import monotonic_ns, process_time_ns
from typing import cast

from longspan.serving import egress, hung, logs
from longspan.serving.admission import SECOND, Budget, Door, Going
from longspan.serving.alone import Alone
from longspan.serving.answers import Answering
from longspan.serving.deaths import Deaths
from longspan.serving.endpoint import Endpoint
from longspan.serving.noted import Noted
from longspan.serving.pages import Pages
from longspan.serving.protocol import Connection
from longspan.serving.routes import Routes
from longspan.serving.runner import Workshop
from longspan.serving.slot import Listening
from longspan.serving.thread import ChainThread
from longspan.wire import exits

QUARTER_SECONDS = 0.25
QUARTERS_IDLE = 4
"""Between two ticks when nothing has happened."""
MOST_IDLE = 90 * 4
"""Quarters of a second that a connection may be idle. Longer than the gateway's idle time-out, so that it is the
gateway who closes: the other way round, a request could meet a connection that is just being closed."""
MOST_CONNECTIONS = 4096
SPARE_DESCRIPTORS = 64
"""Of the process's limit, left for files, models and what steps open."""
LEAVING_STEP_SECONDS = 0.02
_PAGE_BYTES = resource.getpagesize()


class Worker:
    """One replica. Made on the loop it serves on."""

    routes: Routes
    pages: Pages
    give_up: Callable[[int], None]
    """Leave by oneself, with this exit code (`wire.exits`). These three are set by who assembles it."""

    def __init__(
        self,
        door: Door,
        budget: Budget,
        caller: egress.Caller | None = None,
        noted: Noted | None = None,
        deaths: Deaths | None = None,
    ) -> None:
        """`caller`: the way to other units, for a worker that has steps there. `noted` and `deaths`: for one whose
        slot keeps a page of ids."""
        self.loop = asyncio.get_running_loop()
        self.door, self.budget = door, budget
        self.thread = ChainThread(self.loop)
        self.noted = noted or Noted.nowhere()
        self.workshop = Workshop(self.loop, self.thread, self.wake, noted=self.noted)
        self.alone = Alone(self.loop, deaths or Deaths(""), self.quiet, self.wake)
        self.caller = caller
        self.endpoints: Sequence[Endpoint] = ()
        self._connections: set[Connection] = set()
        self._sweeping = False
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        spare = SPARE_DESCRIPTORS + (egress.MOST_CONNECTIONS if caller is not None else 0)
        self._most = min(MOST_CONNECTIONS, max(SPARE_DESCRIPTORS, soft - spare))
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)

    # Connections -------------------------------------------------------------------------------------------

    def welcome(self, connection: Connection) -> bool:
        """A client has connected. False when there are too many of them."""
        if self.door.withdrawn:  # it had stood in the backlog
            self.door.heard = monotonic_ns()
        self._connections.add(connection)
        return len(self._connections) <= self._most

    def farewell(self, connection: Answering) -> None:
        """It is gone."""
        self._connections.discard(cast("Connection", connection))

    def connected(self) -> int:
        """How many descriptors connections take, to us and from us. Any thread may ask."""
        return len(self._connections) + (egress.MOST_CONNECTIONS if self.caller is not None else 0)

    def used_up(self, code: int, why: str) -> None:
        """Something has run out: leave, and answer until then. Any thread may say so."""

        def leave() -> None:
            if not self.door.draining:
                logs.event("error", f"{why}. This replica gives up.")
                self.give_up(code)

        self.loop.call_soon_threadsafe(leave)

    # Clocks ------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something waits, runs or comes in: sweep until nothing does."""
        if not self._sweeping:
            self._sweeping = True
            self.loop.call_later(QUARTER_SECONDS, self._sweep)

    def _sweep(self) -> None:
        now = monotonic_ns()
        busy = [endpoint.sweep(now) for endpoint in self.endpoints]
        busy += [connection.sweep(now) for connection in tuple(self._connections)]
        busy += [self.alone.sweep(now), self._look(now)]
        self._sweeping = False
        if any(busy):
            self.wake()

    def quiet(self) -> bool:
        """Does nothing run here, nor wait to?"""
        waits_or_runs = any([endpoint.lane.load()[1] for endpoint in self.endpoints])
        return not (waits_or_runs or any(self.thread.under_way()) or self.workshop.lingering)

    def _look(self, now: int) -> bool:
        """Give the replica up when something hangs. True while something might."""
        jobs, lingering = list(self.thread.under_way()), self.workshop.lingering
        if not self.door.draining and (found := hung.find(jobs, lingering, now)) is not None:
            logs.event("error", found.told, step=found.step)
            self.give_up(exits.HUNG)
            self._refuse_all()
        return bool(jobs or lingering)

    def _refuse_all(self) -> None:
        """Those that have not begun are sent away, to be answered by another replica or by the next one."""
        for endpoint in self.endpoints:
            for exchange in endpoint.lane.shut():
                endpoint.fail(exchange, Going(endpoint.name))

    def tick(self) -> None:
        """Bring the load page up to date; close what has been idle for long. Calls itself again."""
        pause = 1 if self.write_page() else QUARTERS_IDLE
        for connection in tuple(self._connections):
            connection.idle += pause
            if connection.idle > MOST_IDLE and not connection.busy:
                connection.hang_up()
        if self.caller is not None:
            self.caller.tick(pause)
        self.loop.call_later(pause * QUARTER_SECONDS, self.tick)

    def write_page(self) -> bool:
        """Make the load page say what has been counted; False when there was nothing new."""
        return self.pages.write(
            ready=not self.door.draining,
            connections=len(self._connections),
            cpu_nanoseconds=process_time_ns(),
            memory_bytes=int(os.pread(self._statm, 128, 0).split()[1]) * _PAGE_BYTES,
        )

    # Leaving -----------------------------------------------------------------------------------------------

    def busy(self) -> bool:
        """Is anybody owed an answer, or in the middle of asking?"""
        return any(connection.busy for connection in self._connections)

    async def leave(self, listening: Listening, server: asyncio.AbstractServer) -> None:
        """Answer until it is quiet, withdraw the socket, hear out who had connected, hang up."""
        await self._quiet()
        listening.withdraw()
        self.door.withdraw(monotonic_ns())
        await self._quiet()
        server.close()
        self.write_page()
        for connection in tuple(self._connections):
            connection.hang_up()
        if self.caller is not None:
            self.caller.close()

    async def _quiet(self) -> None:
        while True:
            # Also when it is quiet already: what stands in the backlog is accepted meanwhile.
            await asyncio.sleep(LEAVING_STEP_SECONDS)
            if self.door.quiet(monotonic_ns(), self.busy(), len(self._connections)):
                return


def patience(endpoints: Sequence[Endpoint]) -> int:
    """Nanoseconds within which a draining worker has answered everybody: the longest time limit, and a little."""
    return int((max([endpoint.limits.time_seconds for endpoint in endpoints], default=0.0) + 3.0) * SECOND)
