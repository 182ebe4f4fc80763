"""One trip of the gateway's corridor: see what Envoy does, tell it what is safe to tell now.

Nothing waits. What Envoy has not taken yet is looked at again on the next trip, so the ordinary day,
a restart of Envoy and a new control that finds it running are the same path.
"""

from __future__ import annotations

from typing import Protocol

from longspan.capabilities.gateway.decide import Past, Step, first_files, may_start, next_files
from longspan.system.records import GatewaySeen, GatewayWanted

DRAIN_NANOSECONDS = 30_000_000_000
"""So long the gateway answers what is in flight before it is killed."""


class See(Protocol):
    def see(self) -> GatewaySeen: ...
    def past(self) -> Past: ...
    def in_flight(self) -> int | None: ...


class Do(Protocol):
    def write(self, step: Step) -> None: ...
    def start(self, port: int) -> None: ...
    def drain(self) -> None: ...
    def end(self, *, kill: bool) -> None: ...
    def clean(self) -> None: ...


def converge(wanted: GatewayWanted, seen: GatewaySeen, see: See, do: Do, now: int, version: str) -> None:
    """Start Envoy, or write what may be written. `seen` is the sight of this trip, which replicas have had too.

    `now` is in UTC nanoseconds, `version` is Longspan's. Raises `Missing` when there is no Envoy to
    start, or when somebody else holds the port.
    """
    if seen.pid is None:
        if may_start(see.past(), now):
            do.write(first_files(wanted, version))
            do.start(wanted.port)
    elif seen.leaving_since is not None:
        # A control that was stopping all was killed on the way. Only a new Envoy listens again.
        _leave(see, do, now, seen.leaving_since + DRAIN_NANOSECONDS)
    elif seen.version:
        do.write(next_files(wanted, seen, version))
    # Else it is starting, or too busy to be asked: what it was told stays as it is.


def wind_down(see: See, do: Do, now: int, until: int) -> bool:
    """One trip of the way out; to be repeated until it says True: nothing is left.

    No new connection is taken; requests in flight are answered until `until` (UTC nanoseconds), after
    which Envoy is killed.
    """
    if see.see().pid is None:
        do.clean()
        return True
    _leave(see, do, now, until)
    return False


def _leave(see: See, do: Do, now: int, until: int) -> None:
    if now >= until:
        do.end(kill=True)
        return
    do.drain()
    if see.in_flight() == 0:  # silence is no answer: it may be busy with somebody's request
        do.end(kill=False)
