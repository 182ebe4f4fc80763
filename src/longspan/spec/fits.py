"""Do the steps of a chain fit together? A proof before anything runs.

A step's inputs bind by name to the service's inputs or to outputs of earlier steps; exactly one of them must
give each. What is given must be what is taken: data type, number of dimensions, and each dimension (`shapes`).
The same walk gives the resolved chains that a worker's orders are made of (`units`), so that what was proved is
what runs.
"""

from __future__ import annotations

import msgspec

from longspan.base.errors import Invalid
from longspan.base.signatures import Signature, TensorType
from longspan.spec import natural, signatures
from longspan.spec.load import Loaded
from longspan.spec.places import Finding, Path, Places
from longspan.spec.services import Service
from longspan.spec.shapes import Dimensions, Side, elements_fit
from longspan.spec.system import System
from longspan.spec.words import did_you_mean, joined
from longspan.wire.orders import Described

REQUEST = ""
"""The scope of the service's own inputs, which no step can be called."""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A step in its chain."""

    name: str
    signature: Signature
    inputs: dict[str, str]
    """Input -> ``step.output``, or a bare name of the service's inputs."""


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """A service with everything bound."""

    inputs: dict[str, TensorType]
    """What a request brings; dimensions that the chain fixes are numbers."""
    outputs: dict[str, str]
    """Output -> ``step.output``: those of the last step, and what `answers` names."""
    steps: tuple[Link, ...]
    accepts: dict[str, str]
    """Media range -> input of the service."""
    answers: dict[str, str]
    """Media type -> output of the service; the first is the default."""


def check(loaded: Loaded, described: Described) -> None:
    """Prove that all steps fit. Raises `Invalid` with every complaint at once, each with its position."""
    _, findings = _resolve(loaded.system, described)
    if findings:
        raise Invalid(loaded.places.complaints(findings))


def chains(system: System, described: Described) -> dict[str, Chain]:
    """Each service's chain by name. Raises `Invalid`, without positions, where `check` would."""
    found, findings = _resolve(system, described)
    if findings:
        raise Invalid(Places("").complaints(findings))
    return found


def _resolve(system: System, described: Described) -> tuple[dict[str, Chain], list[Finding]]:
    findings = list(signatures.errors(described))
    found = {}
    for name, service in system.services.items():
        walk = _Walk(name, service, described)
        found[name] = walk.chain()
        findings += walk.findings
    return found, findings


class _Walk:
    """One way along a chain; collects what does not fit and goes on."""

    def __init__(self, name: str, service: Service, described: Described) -> None:
        self.findings: list[Finding] = []
        self.service, self.path = service, ("services", name)
        self.known: dict[str, Signature | None] = {
            step: signatures.of_step(name, step, service.steps[step], described, self.findings)
            for step in service.steps
        }
        first = next(iter(self.known.values()))
        self.inputs = service.inputs if service.inputs is not None else first.inputs if first is not None else None
        self.dimensions = Dimensions()

    def chain(self) -> Chain:
        before: list[str] = []
        links = []
        for name, signature in self.known.items():
            if signature is not None:
                links.append(Link(name=name, signature=signature, inputs=self._bound(name, signature, before)))
                self._streams_last(name, signature)
            before.append(name)
        self._unused(links)
        self._distinct()
        inputs = {n: self.dimensions.resolved(REQUEST, kind) for n, kind in (self.inputs or {}).items()}
        outputs: dict[str, str] = {}
        accepts: dict[str, str] = {}
        answers: dict[str, str] = {}
        if len(links) == len(self.known):
            outputs, answers = natural.answers(self.service, self.path, self.known, self.findings)
            bound = {link.name: link.inputs for link in links}
            accepts = natural.accepts(self.service, self.path, inputs, bound, self.findings)
        return Chain(inputs=inputs, outputs=outputs, steps=tuple(links), accepts=accepts, answers=answers)

    def _bound(self, step: str, signature: Signature, before: list[str]) -> dict[str, str]:
        """Where each input of `step` comes from, as far as one thing gives it and fits."""
        bound = {}
        for name, taken in signature.inputs.items():
            sources = self._sources(name, before)
            if len(sources) == 1:
                ((source, scope, given),) = sources
                self._fit(step, name, taken, scope, given)
                bound[name] = source
            elif sources:
                self._ambiguous(step, name, taken, [scope for _, scope, _ in sources])
            elif self.inputs is not None and all(self.known[earlier] is not None for earlier in before):
                self._missing(step, name, taken, before)
        return bound

    def _sources(self, name: str, before: list[str]) -> list[tuple[str, str, TensorType]]:
        """All that gives `name`: where (as orders say it), whose, and what type."""
        sources = []
        if self.inputs is not None and name in self.inputs:
            sources.append((name, REQUEST, self.inputs[name]))
        for earlier in before:
            signature = self.known[earlier]
            if signature is not None and name in signature.outputs:
                sources.append((f"{earlier}.{name}", earlier, signature.outputs[name]))
        return sources

    def _fit(self, step: str, name: str, taken: TensorType, scope: str, given: TensorType) -> None:
        whose = scope or "the request"
        gives = f"{whose} gives {name} {given}"
        takes = f"{step} takes {name} {taken}"
        why = self.dimensions.unify(Side(scope, given, gives), Side(step, taken, takes))
        if why is None and not elements_fit(given.element, taken.element, of_request=scope == REQUEST):
            why = f"a step takes {taken.element} only from a step that gives {taken.element}"
        if why is not None:
            problem = f"takes {name} {taken}; {gives}" + (f": {why}" if why else "")
            self._find((*self.path, "steps", step), problem, "Make the two the same.")

    def _ambiguous(self, step: str, name: str, taken: TensorType, scopes: list[str]) -> None:
        givers = joined([f"step {scope}" if scope else "the request" for scope in scopes])
        remedy = "Give one of them another name; a function names its outputs by returning a TypedDict."
        self._find((*self.path, "steps", step), f"takes {name} {taken}, given by {givers}", remedy)

    def _missing(self, step: str, name: str, taken: TensorType, before: list[str]) -> None:
        there = set(self.inputs or {})
        for earlier in before:
            signature = self.known[earlier]
            there |= set(signature.outputs) if signature is not None else set()
        later = [
            other
            for other, signature in self.known.items()
            if other not in before and signature is not None and name in signature.outputs
        ]
        problem = f"takes {name} {taken}, which nothing before it gives"
        if step in later:
            remedy = "It gives that itself, but a step cannot feed itself."
        elif later:
            remedy = f"{later[0]} gives it: put that step before {step}."
        else:
            remedy = f"{did_you_mean(name, there)} If the request brings it, list it under inputs: of the service."
        self._find((*self.path, "steps", step), problem, remedy)

    def _streams_last(self, name: str, signature: Signature) -> None:
        if signature.call == "stream" and name != next(reversed(self.known)):
            remedy = "Only the last step may yield; return the value here."
            self._find((*self.path, "steps", name, "run"), "streams, but steps follow it", remedy)

    def _unused(self, links: list[Link]) -> None:
        """Inputs that the file declares and no step takes."""
        if self.service.inputs is None or len(links) < len(self.known):
            return
        used = {source for link in links for source in link.inputs.values()}
        wanted = {name for link in links for name in link.signature.inputs}
        for name in self.service.inputs:
            if name not in used and name not in wanted:
                remedy = did_you_mean(name, wanted)
                self._find((*self.path, "inputs", name), "is an input that no step takes", remedy, of_key=True)

    def _distinct(self) -> None:
        """Orders name an input of the service bare and an output ``step.output``: no two may read the same."""
        for step, signature in self.known.items():
            for name in signature.outputs if signature is not None else ():
                if f"{step}.{name}" in (self.inputs or {}):
                    problem = f"gives {name}, and {step}.{name} is also an input of the service"
                    self._find((*self.path, "steps", step), problem, "Give the step another name.")

    def _find(self, path: Path, problem: str, remedy: str = "", *, of_key: bool = True) -> None:
        self.findings.append(Finding(path, problem, remedy, of_key))
