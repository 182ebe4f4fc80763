"""From the file to what runs: `System` -> units, and what a unit is pinned to.

A unit is the steps that run in one process. Here each service is one unit, with the models of its steps inside,
and a model that no service uses is a unit of its own. Which units there are, and their digests, follow from
values alone: the same accepted system gives the same units on any machine, at any time.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from longspan.spec.fits import Chain, chains
from longspan.spec.secrets import marked, within
from longspan.spec.services import READY_WITHIN, SETTLE, Service
from longspan.spec.system import System
from longspan.wire.orders import Described, DescribeOrders, Limits, ModelWork, ServiceWork, StepWork, Work


class ModelPin(msgspec.Struct, frozen=True, kw_only=True):
    """The file of a model as it was when the generation was accepted."""

    digest: str
    size_bytes: int
    package: str = ""
    package_version: str = ""


class Pins(msgspec.Struct, frozen=True, kw_only=True):
    """What a generation is pinned to: digests of code and models, HMACs of secrets."""

    code: str = ""
    """Digest of the whole tree of step code; empty when every step is a model."""
    files: dict[str, str] = {}
    """Path inside the tree -> digest of that file: what a plan names when code changed."""
    models: dict[str, ModelPin] = {}
    secrets: dict[str, str] = {}


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
    holders = _holders(system)
    found = [_service_unit(name, system, bound[name], described, pins, holders) for name in system.services]
    found += [
        _unit(Work(unit=name, models=(_model(name, system, described, pins, answers=True),)), None)
        for name in system.models
        if name not in holders
    ]
    return tuple(sorted(found, key=lambda unit: unit.name))


def _holders(system: System) -> dict[str, str]:
    """Model -> the service that answers for it: the first by name, so that the order of the file is no matter."""
    holders: dict[str, str] = {}
    for service in sorted(system.services):
        for step in system.services[service].steps.values():
            if step.model is not None:
                holders.setdefault(step.model, service)
    return holders


def _service_unit(
    name: str, system: System, chain: Chain, described: Described, pins: Pins, holders: Mapping[str, str]
) -> Unit:
    section = system.services[name]
    models = sorted({step.model for step in section.steps.values() if step.model is not None})
    secrets = sorted({secret for step in section.steps.values() for secret in within(step.settings)})
    work = Work(
        unit=name,
        code=pins.code if any(step.run for step in section.steps.values()) else "",
        models=tuple(_model(model, system, described, pins, answers=holders[model] == name) for model in models),
        services=(_service(name, section, chain),),
        secrets={secret: pins.secrets.get(secret, "") for secret in secrets},
    )
    return _unit(work, section)


def _unit(work: Work, section: Service | None) -> Unit:
    """The work of a service's section, or of a model alone (None), which has the defaults of a service."""
    return Unit(
        work=work,
        digest=work.digest(),
        replicas=section.replicas if section else 1,
        ready_within_seconds=(section.ready_within if section else READY_WITHIN).total_seconds(),
        settle_seconds=(section.settle if section else SETTLE).total_seconds(),
    )


def _model(name: str, system: System, described: Described, pins: Pins, *, answers: bool) -> ModelWork:
    section = system.models[name]
    return ModelWork(
        name=name,
        version=section.version,
        threads=section.threads or 1,
        digest=pins.models[name].digest if name in pins.models else "",
        signature=described.models[name],
        answers=answers,
    )


def _service(name: str, section: Service, chain: Chain) -> ServiceWork:
    steps = []
    for link in chain.steps:
        step = section.steps[link.name]
        steps.append(
            StepWork(
                name=link.name,
                model=step.model or "",
                run=step.run or "",
                settings=marked(step.settings) if step.settings is not None else None,
                repeatable=step.repeatable or step.model is not None,
                inputs=link.inputs,
                signature=link.signature,
            )
        )
    return ServiceWork(
        name=name,
        version=section.version,
        inputs=chain.inputs,
        outputs=chain.outputs,
        steps=tuple(steps),
        accepts=chain.accepts,
        answers=chain.answers,
        limits=Limits(
            body_bytes=section.limits.body,
            queue=section.limits.queue,
            time_seconds=section.limits.time.total_seconds(),
            fan_out=section.limits.fan_out,
        ),
    )
