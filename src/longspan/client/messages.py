"""What control's API takes and gives: frozen values, the same on both sides of the socket.

::

    GET  /v1/status                          Status
    GET  /v1/load                            LoadView: counters; the difference of two is what happens
    POST /v1/plan                            Plan            422 with complaints when the file is wrong
    POST /v1/apply      ApplyOrder           ApplyAnswer     409 when `on` is not the current generation
    POST /v1/rollback   RollbackOrder        ApplyAnswer
    GET  /v1/generations                     list of GenerationView, newest first
    GET  /v1/generations/{number}            GenerationView
    POST /v1/down       DownOrder            202; control drains all and exits
    GET  /v1/logs?follow=&request=&unit=     text/plain, streamed

What needs no running control, ``python -m longspan.control once VERB`` prints as the API would answer:
``check`` a `Checked`, ``plan`` a `Plan`, ``doctor`` a list of `Finding`.

They are stdlib dataclasses, since FastAPI documents those and msgspec decodes them, so the command line
needs no pydantic. Errors are RFC 9457 problem details (`Problem`). Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from longspan.base.errors import Complaint


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicaView:
    slot: int
    pid: int | None
    state: Literal["starting", "ready", "draining", "crash-loop", "dead"]
    generation: int
    restarts: int
    last_log: tuple[str, ...] = ()
    memory_bytes: int = 0
    """Resident; 0 when it is not known."""
    there: bool = False
    """A server of somebody else's that is there already: no process of ours, and nothing waits for it."""
    ended: str = ""
    """How the last process of its slot ended, and how long ago; empty when that was not in the last ten minutes, or is
    not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitView:
    name: str
    wanted: int
    replicas: tuple[ReplicaView, ...]
    reason: str = ""
    """Why that many, where it is not the file alone that says so: the scaler's words, or who pinned it until when."""
    cpu: float = 0.0
    """Cores granted to each replica; 0: nobody said."""
    memory_bytes: int = 0
    """What a replica may hold; 0: nobody said."""
    memory_guard: Literal["", "watched", "cgroup"] = ""
    """How that is held to: a replica over it is replaced, or the kernel ends it as well."""
    memory_replaced: int = 0
    """Replicas that were replaced for being over it, under this control."""
    memory_trouble: str = ""
    """Why replacing them does not help; else empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepView:
    """What a step has done since its replicas started, all of them together, here or in a unit of its own."""

    service: str
    name: str
    unit: str
    """The unit that runs it."""
    count: int
    """Requests it ran for; for one apart, its unit's calls, of which a padded step makes one for each width."""
    errors: int
    skipped: int
    seconds: float
    """The time of all its runs."""
    waiting: int
    """Requests that wait for it now."""
    padding: float = 0.0
    """Share of its padded inputs that is padding."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointDone:
    """What a replica's service or model has done since the replica started, and holds now."""

    name: str
    answers: dict[int, int]
    """HTTP status -> count; 0 is any other."""
    in_flight: int
    queued: int
    buckets: tuple[int, ...]
    """Answers by their duration, not cumulative: one more than `LoadView.bounds_seconds`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepDone:
    """What a replica has done of a step, so that the sum over all replicas counts nothing twice."""

    service: str
    name: str
    count: int
    errors: int
    skipped: int
    seconds: float
    waiting: int
    cells: int
    """Elements of its padded inputs, padding included."""
    padding: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicaDone:
    """The counters of one replica. `replica`: its id, so that one that came after it is not taken for it."""

    unit: str
    slot: int
    replica: str
    cpu_seconds: float
    memory_bytes: int
    endpoints: tuple[EndpointDone, ...]
    steps: tuple[StepDone, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadView:
    """The load pages of all replicas at one moment; each is up to a quarter of a second old."""

    at: str
    bounds_seconds: tuple[float, ...]
    replicas: tuple[ReplicaDone, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlView:
    pid: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayView:
    pid: int | None
    version: str
    trouble: str = ""
    """What keeps it from doing what it shall."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedView:
    generation: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """`generation` is the current one, None before the first has served; `pending` one under way."""

    system: str
    generation: int | None
    in_force: int | None = None
    """The generation that alone gives the answers: `generation`, once nothing goes any more to what it replaced."""
    pending: int | None = None
    url: str
    control: ControlView
    gateway: GatewayView
    units: tuple[UnitView, ...]
    steps: tuple[StepView, ...] = ()
    failed: FailedView | None = None
    services: tuple[str, ...] = ()
    logs: str = ""
    """Folder of the logs, as control sees it."""
    natural: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Service -> media ranges that it accepts as natural content."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One line of a plan. `kind`: ``+`` new, ``-`` gone, ``~`` changed."""

    kind: Literal["+", "-", "~"]
    at: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What `apply` would change; `changes` empty means nothing would."""

    system: str
    on: int | None
    """The current generation; None when there is none yet."""
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    restarts: tuple[str, ...] = ()
    """Units whose replicas would be replaced."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplyOrder:
    author: str
    on: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RollbackOrder:
    author: str
    to: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplyAnswer:
    """`generation` is the new, pending one; None when the plan was empty and nothing was done."""

    generation: int | None
    plan: Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationView:
    number: int
    parent: int | None
    author: str
    at: str
    state: Literal["pending", "serving", "replaced", "failed"]
    done: bool
    """The verdict is in force: the gateway sends no request any more to what this generation replaced, or
    to what failed."""
    reason: str = ""
    last_log: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DownOrder:
    now: bool = False
    """Stop at once instead of draining."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """RFC 9457 problem details; `exit` is the exit code a command returns for it."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    exit: int = 1
    remedy: str = ""
    complaints: tuple[Complaint, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedStep:
    """A step that fits. `takes` and `gives`: name -> type as the file writes it, ``FP32[batch, 4]``."""

    name: str
    unit: str = ""
    """The unit that runs it."""
    takes: dict[str, str]
    gives: dict[str, str]
    sources: dict[str, str] = field(default_factory=dict)
    """Input -> ``step.output``, or a bare name of what the request brings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedService:
    name: str
    steps: tuple[CheckedStep, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A file without a complaint: what its services are made of."""

    system: str
    services: tuple[CheckedService, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that `doctor` looked at."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
