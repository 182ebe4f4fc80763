"""All that one replica holds while it serves: its connections, its endpoints, and two coarse clocks.

The sweep looks every quarter of a second for what takes too long, and only while something waits, runs or comes
in. The tick, once a second, writes the process's own counters and closes what has been idle for long. No request
has a timer of its own.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Sequence
from time import monotonic_ns, process_time_ns, time_ns

from longspan.serving.admission import SECOND, Budget, Door
from longspan.serving.endpoint import Endpoint
from longspan.serving.protocol import Connection
from longspan.serving.routes import Routes
from longspan.serving.runner import ChainThread, Workshop
from longspan.serving.slot import Listening
from longspan.wire.load import CONNECTIONS, CPU_NANOSECONDS, READY, STARTED, LoadPage

SWEEP_SECONDS = 0.25
TICK_SECONDS = 1.0
IDLE_TICKS = 90
"""Longer than the gateway's idle time-out, so that it is the gateway who closes: the other way round, a request
could meet a connection that is just being closed."""
MOST_CONNECTIONS = 4096
SPARE_DESCRIPTORS = 64
"""Of the process's limit, left for files, models and what steps open."""
LEAVING_STEP_SECONDS = 0.02


class Worker:
    """One replica. Made on the loop it serves on."""

    routes: Routes

    def __init__(self, door: Door, budget: Budget, load_page: LoadPage) -> None:
        self.loop = asyncio.get_running_loop()
        self.door, self.budget, self.page = door, budget, load_page
        self.thread = ChainThread(self.loop)
        self.workshop = Workshop(self.loop, self.thread, load_page.slots, self.wake)
        self.endpoints: Sequence[Endpoint] = ()
        self._connections: set[Connection] = set()
        self._sweeping = False
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = min(MOST_CONNECTIONS, max(SPARE_DESCRIPTORS, soft - SPARE_DESCRIPTORS))
        load_page.slots[load_page.process + STARTED] = time_ns()

    # Connections -------------------------------------------------------------------------------------------

    def welcome(self, connection: Connection) -> bool:
        """A client has connected. False when there are too many of them."""
        if self.door.draining:
            self.door.heard = monotonic_ns()
        self._connections.add(connection)
        self._count()
        return len(self._connections) <= self._most

    def farewell(self, connection: Connection) -> None:
        """It is gone."""
        self._connections.discard(connection)
        self._count()

    def _count(self) -> None:
        self.page.slots[self.page.process + CONNECTIONS] = len(self._connections)

    # Clocks ------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something waits, runs or comes in: sweep until nothing does."""
        if not self._sweeping:
            self._sweeping = True
            self.loop.call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        now = monotonic_ns()
        busy = [endpoint.sweep(now) for endpoint in self.endpoints]
        busy += [connection.sweep(now) for connection in tuple(self._connections)]
        self._sweeping = False
        if any(busy):
            self.wake()

    def tick(self) -> None:
        """Count what the process has used; close what has been idle for long. Calls itself again."""
        slots, at = self.page.slots, self.page.process
        slots[at + CPU_NANOSECONDS] = process_time_ns()
        slots[at + READY] = int(not self.door.draining)
        for connection in tuple(self._connections):
            connection.idle += 1
            if connection.idle > IDLE_TICKS and not connection.busy:
                connection.hang_up()
        self.loop.call_later(TICK_SECONDS, self.tick)

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
        for connection in tuple(self._connections):
            connection.hang_up()

    async def _quiet(self) -> None:
        while True:
            # Also when it is quiet already: what stands in the backlog is accepted meanwhile.
            await asyncio.sleep(LEAVING_STEP_SECONDS)
            if self.door.quiet(monotonic_ns(), self.busy(), len(self._connections)):
                return


def patience(endpoints: Sequence[Endpoint]) -> int:
    """Nanoseconds within which a draining worker has answered everybody: the longest time limit, and a little."""
    return int((max([endpoint.limits.time_seconds for endpoint in endpoints], default=0.0) + 3.0) * SECOND)
