"""What control's API takes and gives: frozen values, the same on both sides of the socket.

::

    GET  /v1/status                          Status
    POST /v1/plan                            Plan            422 with complaints when the file is wrong
    POST /v1/apply      ApplyOrder           ApplyAnswer     409 when `on` is not the current generation
    POST /v1/rollback   RollbackOrder        ApplyAnswer
    GET  /v1/generations                     list of GenerationView, newest first
    GET  /v1/generations/{number}            GenerationView
    POST /v1/down       DownOrder            202; control drains all and exits
    GET  /v1/logs?follow=&request=&unit=     text/plain, streamed

Errors are RFC 9457 problem details (`Problem`). Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from longspan.base.errors import Complaint


class ReplicaView(msgspec.Struct, frozen=True, kw_only=True):
    slot: int
    pid: int | None
    state: Literal["starting", "ready", "draining", "crash-loop", "dead"]
    generation: int
    restarts: int
    last_log: tuple[str, ...] = ()


class UnitView(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    wanted: int
    replicas: tuple[ReplicaView, ...]


class ControlView(msgspec.Struct, frozen=True, kw_only=True):
    pid: int


class GatewayView(msgspec.Struct, frozen=True, kw_only=True):
    pid: int | None
    version: str


class FailedView(msgspec.Struct, frozen=True, kw_only=True):
    generation: int
    reason: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`generation` is the current one, None before the first has served; `pending` one under way."""

    system: str
    generation: int | None
    pending: int | None = None
    url: str
    control: ControlView
    gateway: GatewayView
    units: tuple[UnitView, ...]
    failed: FailedView | None = None
    services: tuple[str, ...] = ()
    logs: str = ""
    """Folder of the logs, as control sees it."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a plan. `kind`: ``+`` new, ``-`` gone, ``~`` changed."""

    kind: Literal["+", "-", "~"]
    at: str
    before: str = ""
    after: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What `apply` would change; `changes` empty means nothing would."""

    system: str
    on: int | None
    """The current generation; None when there is none yet."""
    changes: tuple[Change, ...]
    notes: tuple[str, ...] = ()
    restarts: tuple[str, ...] = ()
    """Units whose replicas would be replaced."""


class ApplyOrder(msgspec.Struct, frozen=True, kw_only=True):
    author: str
    on: int | None = None


class RollbackOrder(msgspec.Struct, frozen=True, kw_only=True):
    author: str
    to: int | None = None


class ApplyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`generation` is the new, pending one; None when the plan was empty and nothing was done."""

    generation: int | None
    plan: Plan


class GenerationView(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    parent: int | None
    author: str
    at: str
    state: Literal["pending", "serving", "replaced", "failed"]
    reason: str = ""
    last_log: tuple[str, ...] = ()


class DownOrder(msgspec.Struct, frozen=True, kw_only=True):
    now: bool = False
    """Stop at once instead of draining."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9457 problem details; `exit` is the exit code a command returns for it."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    exit: int = 1
    remedy: str = ""
    complaints: tuple[Complaint, ...] = ()
