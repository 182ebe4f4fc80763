"""Requests and steps for what is pure: no process, no loop, no codec."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from longspan.base.signatures import Signature, TensorType
from longspan.serving import graph
from longspan.serving.order import Facts
from longspan.serving.runtimes import Runnable
from longspan.serving.step import Step

Function = Callable[[dict[str, Any]], dict[str, Any]]


class Case:
    """A request with these values."""

    def __init__(self, number: int = 0, /, *, rows: int = 1, **values: Any) -> None:
        self.values: dict[str, Any] = {name.replace("__", "."): value for name, value in values.items()}
        self.outputs: dict[str, Any] = {}
        self.error: BaseException | None = None
        self.failed_at = ""
        self.done = False
        self.rows = rows
        self.request_id = f"request-{number}"


def step(
    name: str,
    function: Function,
    inputs: dict[str, tuple[str, TensorType]],
    outputs: dict[str, TensorType],
    *,
    optional: Sequence[str] = (),
    limit: int = 64,
    facts: Facts = Facts(),
    **more: Any,
) -> Step:
    """A step with these `inputs`, each (where it comes from, its type)."""
    signature = Signature({key: kind for key, (_, kind) in inputs.items()}, outputs, optional=tuple(optional))
    settings: dict[str, Any] = {"first": False, "own": False, "repeatable": True, "final": False}
    sources = {key: source for key, (source, _) in inputs.items()}
    made = Step(
        name, Runnable(name, "sync", signature, function), sources, list(outputs), facts=facts, **(settings | more)
    )
    made.rows_limit = limit
    return made


def run(steps: Sequence[Step], *cases: Case) -> None:
    """All cases through all steps, on a clock that ticks when it is read."""
    ticks = itertools.count()
    graph.run(steps, cases, lambda: next(ticks))
