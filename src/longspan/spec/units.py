"""From the file to what runs: `System` -> units.

A unit is the steps that run in one process, and what scales. Each service is its entry unit, under its own name, and
the unit ``SERVICE.STEP`` for each step that is set apart; a model that no service uses is a unit too. Which units there
are, and their digests, follow from values alone: the same accepted system gives the same units on any machine, at any
time. What they do is told by `works`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from longspan.spec.fits import chains
from longspan.spec.pins import ModelPin, Pins
from longspan.spec.resources import Resources
from longspan.spec.services import READY_WITHIN, SETTLE, Service
from longspan.spec.steps import Step
from longspan.spec.system import System
from longspan.spec.works import Works
from longspan.wire.orders import Described, DescribeOrders, Work

__all__ = ["ModelPin", "Pins", "Unit", "describe_orders", "units"]


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """What scales: some work, how many replicas do it, and how an update of it is judged."""

    work: Work
    digest: str
    """`work.digest()`: units of the same digest answer alike."""
    replicas: int
    ready_within_seconds: float
    settle_seconds: float
    memory_bytes: int = 0
    """A replica over this is drained and replaced (``resources: {memory: ...}``); 0: nobody said."""

    @property
    def name(self) -> str:
        return self.work.unit

    @property
    def address(self) -> str:
        """Where it is, if it is a server that is there already (`ServerWork.there`): it has no replicas of ours."""
        return self.work.server.there if self.work.server is not None else ""

    @property
    def cpu(self) -> float:
        """Cores granted to each replica; 0: nobody said."""
        return self.work.cpu


def describe_orders(system: System, *, code_path: str, model_paths: Mapping[str, str]) -> DescribeOrders:
    """What a child is told in order to read all signatures. `model_paths`: model -> path of its file."""
    runs = {
        f"{service}.{name}": step.run
        for service, section in system.services.items()
        for name, step in section.steps.items()
        if step.run is not None
    }
    return DescribeOrders(code_path=code_path if runs else "", models=dict(model_paths), runs=runs)


def units(system: System, described: Described, pins: Pins) -> tuple[Unit, ...]:
    """All units, sorted by name. Raises `Invalid` when the steps do not fit (an accepted system's always do).

    `Pins()` gives units whose digests stand for nothing, for looking at them before anything is pinned.
    """
    bound = chains(system, described)
    works = Works(system, described, pins)
    found = []
    for name, section in system.services.items():
        found.append(_unit(works.of_entry(name, bound[name]), section, section))
        for link in bound[name].steps:
            step = section.steps[link.name]
            if step.alone:
                found.append(_unit(works.of_step(name, link), section, step))
    found += [_unit(works.of_model(name), None, None) for name in system.models if name not in works.holders]
    return tuple(sorted(found, key=lambda unit: unit.name))


def _unit(work: Work, service: Service | None, section: Service | Step | None) -> Unit:
    """`service`: how an update is judged. `section`: how many replicas there are, and what they may hold.

    A model alone has neither, and so the defaults of a service.
    """
    resources: Resources | None = section.resources if section is not None else None
    return Unit(
        work=work,
        digest=work.digest(),
        replicas=_replicas(section),
        ready_within_seconds=(service.ready_within if service else READY_WITHIN).total_seconds(),
        settle_seconds=(service.settle if service else SETTLE).total_seconds(),
        memory_bytes=(resources.memory if resources is not None else None) or 0,
    )


def _replicas(section: Service | Step | None) -> int:
    """What the file says, the last word being the stronger one."""
    counts = [(section.replicas if section is not None else None) or 1]
    counts += [section.scaling.min] if section is not None and section.scaling is not None else []
    return counts[-1]
