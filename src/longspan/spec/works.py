"""What does each unit do? From a service with everything bound to the work of its units.

A service is its entry unit, which walks the graph, and one unit for each step that is set apart. The entry knows of
such a step what it takes and gives and whom to call; the step's own unit knows nothing of the graph. So what changes in
either changes only that one's work, unless it is what the two have agreed on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from longspan.spec import servers
from longspan.spec.fits import Chain, Link
from longspan.spec.pins import Pins
from longspan.spec.resources import Resources
from longspan.spec.secrets import marked, within
from longspan.spec.services import Service
from longspan.spec.steps import Step
from longspan.spec.system import System
from longspan.wire.orders import Described, Limits, ModelWork, ServerWork, ServiceWork, StepWork, Work

_VERSION_DIGITS = 12


def unit_of(service: str, name: str, step: Step) -> str:
    """The unit that runs a step. No name has a dot in it, so nothing else can be called that."""
    return f"{service}.{name}" if step.alone else service


def holders(system: System) -> dict[str, str]:
    """Model -> the unit that answers for it: that of its first step by name, in the first service by name.

    So the order of the file is no matter, and setting one step apart moves no answer between units of others.
    """
    found: dict[str, str] = {}
    for service, section in sorted(system.services.items()):
        for name, step in sorted(section.steps.items()):
            if step.model is not None:
                found.setdefault(step.model, unit_of(service, name, step))
    return found


class Works:
    """The works of one accepted system."""

    def __init__(self, system: System, described: Described, pins: Pins) -> None:
        self._system, self._described, self._pins = system, described, pins
        self.holders = holders(system)

    def of_model(self, name: str) -> Work:
        """A model that no service uses: a unit by itself."""
        return Work(unit=name, models=(self._model(name, name, cpu=0.0),))

    def of_entry(self, name: str, chain: Chain) -> Work:
        """The unit that a service is called at."""
        section = self._system.services[name]
        steps = [(link, section.steps[link.name]) for link in chain.steps]
        service = ServiceWork(
            name=name,
            version=section.version,
            inputs=chain.inputs,
            outputs=chain.outputs,
            steps=tuple(_called(name, link, step) if step.alone else _run(link, step) for link, step in steps),
            accepts=chain.accepts,
            answers=chain.answers,
            limits=_limits(section),
        )
        calls = sorted(unit_of(name, link.name, step) for link, step in steps if step.alone)
        own = [step for _, step in steps if not step.alone]
        return self._work(name, service, own, section.resources, calls)

    def of_step(self, name: str, link: Link) -> Work:
        """The unit of one step that is set apart: a service of that step alone, which only the entry calls."""
        section = self._system.services[name]
        step, unit = section.steps[link.name], f"{name}.{link.name}"
        signature = link.signature
        # Whether it runs is the caller's business. So is filling up its rows; the padding says what to be warm for.
        called = msgspec.structs.replace(link, inputs={name: name for name in signature.inputs}, when="")
        service = ServiceWork(
            name=unit,
            version=version(link, step),
            inputs=signature.inputs,
            outputs={output: f"{link.name}.{output}" for output in signature.outputs},
            steps=(_run(called, step),),
            accepts={},
            answers={},
            limits=_limits(section),
            internal=True,
        )
        server = servers.work(link.name, step) if step.foreign else None
        return self._work(unit, service, [step], step.resources, server=server)

    def _work(
        self,
        unit: str,
        service: ServiceWork,
        steps: Iterable[Step],
        resources: Resources | None,
        calls: Iterable[str] = (),
        server: ServerWork | None = None,
    ) -> Work:
        """`steps` are those that run in this unit, or in the `server` that it is."""
        steps = list(steps)
        cpu = (resources.cpu if resources is not None else None) or 0.0
        models = sorted({step.model for step in steps if step.model is not None})
        secrets = sorted({secret for step in steps for secret in within(step.settings)})
        return Work(
            unit=unit,
            code=self._pins.code if any(step.run or step.command for step in steps) else "",
            models=tuple(self._model(model, unit, cpu) for model in models),
            services=(service,),
            secrets={secret: self._pins.secrets.get(secret, "") for secret in secrets},
            calls=tuple(calls),
            server=server,
            cpu=cpu,
        )

    def _model(self, name: str, unit: str, cpu: float) -> ModelWork:
        section, pin = self._system.models[name], self._pins.models.get(name)
        return ModelWork(
            name=name,
            version=section.version,
            # Never by the count of replicas: what a replica does shall not depend on how many there are.
            threads=section.threads or max(1, int(cpu)),
            digest=pin.digest if pin is not None else "",
            signature=self._described.models[name],
            answers=self.holders.get(name, unit) == unit,
        )


def version(link: Link, step: Step) -> str:
    """What the caller of a step apart and its unit must agree on: a digest of its signature and its padding, and of how
    a server is called."""
    agreed: tuple[object, ...] = (link.signature, link.pad)
    if step.foreign:
        server = servers.work(link.name, step)
        agreed += (server.model, server.version, server.binary)
    canonical = msgspec.json.encode(agreed, order="deterministic")
    return hashlib.sha256(canonical).hexdigest()[:_VERSION_DIGITS]


def _run(link: Link, step: Step) -> StepWork:
    """A step of this unit."""
    return StepWork(
        name=link.name,
        model=step.model or "",
        run=step.run or "",
        when=link.when,
        pad=link.pad,
        after=link.after,
        settings=marked(step.settings) if step.settings is not None else None,
        repeatable=_repeatable(step),
        inputs=link.inputs,
        signature=link.signature,
    )


def _called(service: str, link: Link, step: Step) -> StepWork:
    """A step of another unit, as the entry knows it."""
    return StepWork(
        name=link.name,
        unit=f"{service}.{link.name}",
        version=version(link, step),
        foreign=step.foreign,
        binary=step.binary or not step.foreign,
        when=link.when,
        pad=link.pad,
        repeatable=_repeatable(step),
        inputs=link.inputs,
        signature=link.signature,
    )


def _repeatable(step: Step) -> bool:
    """A model always is; of a callable and a server the file says it."""
    return step.repeatable or (step.run is None and not step.foreign)


def _limits(section: Service) -> Limits:
    return Limits(
        body_bytes=section.limits.body,
        queue=section.limits.queue,
        time_seconds=section.limits.time.total_seconds(),
        fan_out=section.limits.fan_out,
    )
