"""What control's API takes and gives about scaling, and a method for each route.

::

    GET    /v1/scaling                              list of DecisionView: the latest of each unit that scales
    GET    /v1/scaling/{name}?at=                   list of Explained: of a unit, or of each unit of a service
    POST   /v1/scaling/{unit}/replay  ReplayOrder   Replayed
    POST   /v1/scale                  ScaleOrder    Scaled           409 when the machine cannot grant it
    DELETE /v1/scale/{unit}                         Scaled

Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from longspan.client.control import Control


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionView:
    """How many replicas a unit had, how many it was to have from then on, and why."""

    unit: str
    at: str
    before: int
    after: int
    reason: str
    signal: str = ""
    """What decided: ``cpu``, ``in_flight``, ``queue_wait``, ``limits``, ``schedule``, ``pin``, ``calm``; empty when
    nothing changes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """A decision, what it rested on, and the changes before it."""

    decision: DecisionView
    seen: tuple[str, ...]
    """What was seen, a line for each signal with its set point."""
    rules: tuple[str, ...]
    """What bounds the count: limits, schedules, pin, machine, lessons."""
    changes: tuple[DecisionView, ...]
    """The last changes until then, newest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScaleOrder:
    """Hold a unit at so many replicas for so long."""

    unit: str
    replicas: int
    for_seconds: float
    author: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaled:
    """A unit that is held, or held no longer. `before`: the replicas that it had."""

    unit: str
    before: int
    replicas: int
    until: str = ""
    """Empty when nobody holds it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayOrder:
    """`policy`: the text of a file with a ``scaling:`` section; `file`: what complaints call it."""

    policy: str
    file: str
    since_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayMoment:
    """A recorded moment, and the same under the other policy. Waits are means, in seconds."""

    at: str
    arrivals: float
    """Requests a second."""
    replicas: int
    wait: float
    other_replicas: int
    other_wait: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayTotal:
    """What a policy came to over the whole time."""

    name: str
    replica_hours: float
    changes: int
    mean_wait: float
    """Seconds, of a request."""
    worst_wait: float
    """Seconds, the mean of the worst moment."""
    refused: float
    """Requests."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """What another policy would have done on a recorded load; a model of queues, which `totals` lets one judge."""

    unit: str
    moments: tuple[ReplayMoment, ...]
    totals: tuple[ReplayTotal, ...]
    """As it was recorded; the model under the policy that was in force; the model under the other."""
    decisions: tuple[DecisionView, ...]
    """Changes that the other policy would have made."""
    left_out_seconds: float
    """Time within, of which too little was recorded."""


class ScalingControl(Control):
    """Control's API, with what it has to say about scaling. Raises what `Control` raises."""

    def decisions(self) -> list[DecisionView]:
        """The latest of each unit that scales."""
        return self._ask("GET", "/v1/scaling", list[DecisionView])

    def explain(self, name: str, at: str) -> list[Explained]:
        """The decision in force at that moment, of a unit or of each unit of a service."""
        return self._ask("GET", f"/v1/scaling/{quote(name, safe='')}?{urlencode({'at': at})}", list[Explained])

    def replay(self, unit: str, order: ReplayOrder) -> Replayed:
        """What another policy would have done on the load that was recorded."""
        return self._ask("POST", f"/v1/scaling/{quote(unit, safe='')}/replay", Replayed, order, 60.0)

    def scale(self, order: ScaleOrder) -> Scaled:
        """Hold a unit at a number of replicas."""
        return self._ask("POST", "/v1/scale", Scaled, order)

    def unscale(self, unit: str) -> Scaled:
        """Hold it no longer."""
        return self._ask("DELETE", f"/v1/scale/{quote(unit, safe='')}", Scaled)
