"""A request that a replica has died of: run it alone, or not again.

Envoy sends a request once more when its connection broke, and says which attempt it is; only a later one is looked up
(`deaths`). Whatever was under way at a death is suspected, and whoever is suspected runs alone: what had begun ends
first, what comes waits in line, in its order. So a second death is the fault of one request, and no other dies with
it: that one is answered 500, by the name of the step. At most two replicas die of a request.

A line stands still no longer than `PATIENCE` for what does not end, such as a stream: then the suspect steps aside for
as long, and tries again until its time is over. One that streams is alone until its first chunk: after that nobody
sends it again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from time import monotonic_ns
from typing import NamedTuple, Protocol

from longspan.base.errors import RequestError
from longspan.serving import admission, logs
from longspan.serving.admission import SECOND
from longspan.serving.deaths import Deaths
from longspan.serving.endpoint import BY_STEP, Endpoint
from longspan.serving.exchange import Exchange
from longspan.serving.noted import ID
from longspan.wire import http1, ids

MOST_DEATHS = 2
PATIENCE = SECOND
POLL_SECONDS = 0.002
"""While somebody stands in line; nobody else is asked to tell when he has finished."""
AFTERWARDS = 30 * SECOND
"""A death counts for a request as long as the request may last, and a little: the gateway tries for some seconds more
than its time limit, and clocks differ. Ids that clients choose may come again another day."""

Take = Callable[[Exchange], None]


class Door(Protocol):
    """What answers one method of one path (`routes.Route`)."""

    answer: Take


class Held(NamedTuple):
    """Somebody in line."""

    exchange: Exchange
    endpoint: Endpoint
    take: Take
    suspect: bool
    again: int = 0
    """When it tries again, of one that has stepped aside."""


class Alone:
    """Who must run alone in one worker, and the line behind. Owned by the event loop.

    Empty, and its doors untouched, on any ordinary day.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        deaths: Deaths,
        quiet: Callable[[], bool],
        wake: Callable[[], None],
    ) -> None:
        """`quiet`: does nothing run or wait in any lane? `wake`: start the sweep."""
        self._loop, self._deaths, self._quiet, self._wake = loop, deaths, quiet, wake
        self._doors: list[tuple[Door, Take, Take]] = []
        self._held: deque[Held] = deque()
        self._aside: list[Held] = []
        self._alone: Exchange | None = None
        self._since = 0
        """When the first in line began to wait for quiet."""
        self._closed = self._pumping = self._called = False

    def watch(self, door: Door, endpoint: Endpoint, take: Take) -> None:
        """`door` leads to `take`: while somebody runs alone, or is about to, it leads into the line."""
        self._doors.append((door, take, partial(self._hold, endpoint, take)))

    def look(self, endpoint: Endpoint, take: Take, exchange: Exchange) -> None:
        """A later attempt has come: `take` it, let it run alone, or answer that it is not run again."""
        request_id = exchange.fields.get(ID)
        found: list[ids.Death] = []
        if request_id is not None:
            try:
                found = self._deaths.of(request_id, endpoint.time_limit + AFTERWARDS)
            except OSError as error:  # better to serve one that might be poison than to refuse one that is not
                logs.event("warning", f"cannot look up of whom replicas died: {error}", request=exchange.request_id)
        if len(found) >= MOST_DEATHS:
            refuse(endpoint, exchange, found[-1])
        elif found:
            where = _where(endpoint, found[-1])
            logs.event("warning", f"was under way when a replica died {where}: runs alone", request=exchange.request_id)
            self._stand(Held(exchange, endpoint, take, suspect=True))
        else:
            take(exchange)

    def sweep(self, now: int) -> bool:
        """Answer 504 to those in line whose time is over. True while there are any."""
        for held in (*self._held, *self._aside):
            if not held.exchange.done and now > held.exchange.deadline:
                seconds = (held.endpoint.time_limit - held.exchange.early) / SECOND
                held.endpoint.fail(held.exchange, admission.late(held.endpoint.name, seconds))
        self._held = deque([held for held in self._held if not held.exchange.done])
        return bool(self._held or self._aside)

    # In line -----------------------------------------------------------------------------------------------

    def _hold(self, endpoint: Endpoint, take: Take, exchange: Exchange) -> None:
        self._stand(Held(exchange, endpoint, take, suspect=False))

    def _stand(self, held: Held) -> None:
        bound = held.endpoint.limits.queue
        if len(self._held) + len(self._aside) >= bound:
            held.endpoint.fail(held.exchange, admission.full(held.endpoint.name, bound))
            return
        self._held.append(held)
        self._wake()
        self._pump()

    def _pump(self) -> None:
        """Let go whoever may."""
        if self._pumping:
            return
        self._pumping = True
        try:
            waits = self._go(monotonic_ns())
        finally:
            self._pumping = False
        self._close(waits)
        if (waits or self._aside) and not self._called:
            self._called = True
            self._loop.call_later(POLL_SECONDS, self._poll)

    def _poll(self) -> None:
        self._called = False
        self._pump()

    def _go(self, now: int) -> bool:
        """True when whoever comes must wait."""
        if self._alone is not None:
            if not _over(self._alone):
                return True
            self._alone = None
        for held in [one for one in self._aside if now >= one.again or one.exchange.done]:
            self._aside.remove(held)
            self._held.append(held)
        while self._held:
            first = self._held[0]
            if first.exchange.done:
                pass
            elif not first.suspect:
                self._held.popleft()
                first.take(first.exchange)
                continue
            elif self._quiet():
                self._held.popleft()
                self._since = 0
                first.take(first.exchange)
                if not _over(first.exchange):
                    self._alone = first.exchange
                    return True
                continue
            elif not self._aside and now - (self._since or now) <= PATIENCE:
                self._since = self._since or now
                return True
            else:
                self._step_aside(now)
                continue
            self._held.popleft()
            self._since = 0
        return False

    def _step_aside(self, now: int) -> None:
        """Whoever waits for quiet, all for the same time: else the others would wait for each of them in turn."""
        again = self._aside[0].again if self._aside else now + PATIENCE
        self._aside += [one._replace(again=again) for one in self._held if one.suspect]
        self._held = deque([one for one in self._held if not one.suspect])
        self._since = 0

    def _close(self, closed: bool) -> None:
        """Lead whoever comes into the line, or to where he wants to go."""
        if closed is not self._closed:
            self._closed = closed
            for door, take, hold in self._doors:
                door.answer = hold if closed else take


def refuse(endpoint: Endpoint, exchange: Exchange, last: ids.Death) -> None:
    """500: two replicas have died of it."""
    where = _where(endpoint, last)
    problem = f"{where}: {MOST_DEATHS} replicas died of this request, so it is not run again"
    endpoint.counted.poisonous += 1
    logs.event("error", problem, request=exchange.request_id, step=last.step)
    by_step = http1.header(BY_STEP, b"1") if endpoint.internal else b""
    endpoint.fail(exchange, RequestError(500, problem), by_step)


def _where(endpoint: Endpoint, death: ids.Death) -> str:
    # A step apart is called by the name of its unit, SERVICE.STEP.
    service = (death.endpoint or endpoint.name).partition(".")[0]
    return f"step {death.step!r} of {service!r}" if death.step else f"{service!r}, outside of its steps"


def _over(exchange: Exchange) -> bool:
    return exchange.done or exchange.begun
