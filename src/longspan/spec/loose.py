"""Loose ends of a graph: rings, what nobody takes, and two things of one name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from longspan.base.signatures import Signature, TensorType
from longspan.spec.bindings import written_at
from longspan.spec.order import Needs, ring
from longspan.spec.places import Finding, Path
from longspan.spec.services import Service
from longspan.spec.sources import Source
from longspan.spec.words import did_you_mean, joined

Bound = Mapping[str, Mapping[str, Source]]
"""Step -> its inputs -> what gives them."""
Conditions = Mapping[str, Source | None]
"""Step -> what its `when:` looks at."""


def needs(service: Service, bound: Bound, conditions: Conditions) -> Needs:
    """Each step -> the steps that it takes something of, or looks at."""
    return {
        step: [
            source.scope
            for source in (*bound.get(step, {}).values(), conditions[step])
            if source is not None and source.scope
        ]
        for step in service.steps
    }


def rings(service: Service, path: Path, bound: Bound, conditions: Conditions) -> Iterator[Finding]:
    """Steps that wait for each other, told wherever one of them was bound by hand: a name alone never looks ahead."""
    graph = needs(service, bound, conditions)
    for step, section in service.steps.items():
        by_hand = [
            (at, source)
            for name, source in bound.get(step, {}).items()
            if (at := written_at(section.sources, name)) is not None
        ]
        for at, source in [*by_hand, (("when",), conditions[step])]:
            if source is not None and (way := ring(graph, step, source.scope)):
                waits = [f"{one} for {other}" for one, other in pairwise(way)]
                circle = joined([f"{step} waits for {way[0]}", *waits])
                remedy = "Bind one of them to what stands outside of it."
                yield Finding((*path, "steps", step, *at), f"closes a ring: {circle}", remedy)


def unused(
    service: Service, path: Path, signed: Mapping[str, Signature], bound: Bound, conditions: Conditions
) -> Iterator[Finding]:
    """Inputs that the file declares and no step takes, and steps of which nobody takes anything."""
    sources = [*conditions.values(), *(source for inputs in bound.values() for source in inputs.values())]
    taken = {source.at for source in sources if source is not None} | set((service.answers or {}).values())
    wanted = {name for inputs in bound.values() for name in inputs}
    for name in service.inputs or ():
        if name not in taken:
            remedy = did_you_mean(name, wanted)
            yield Finding((*path, "inputs", name), "is an input that no step takes", remedy, of_key=True)
    *earlier, _ = signed
    for step in earlier:
        if not any(f"{step}.{name}" in taken for name in signed[step].outputs):
            problem = f"gives {joined(signed[step].outputs)}, which nobody takes"
            remedy = "Take it by from:, answer with it, or take the step out."
            yield Finding((*path, "steps", step), problem, remedy, of_key=True)


def twins(path: Path, inputs: Mapping[str, TensorType] | None, signed: Mapping[str, Signature]) -> Iterator[Finding]:
    """Orders name an input of the service bare and an output ``step.output``: no two may read the same."""
    for step, signature in signed.items():
        for name in signature.outputs:
            if f"{step}.{name}" in (inputs or {}):
                problem = f"gives {name}, and {step}.{name} is also an input of the service"
                yield Finding((*path, "steps", step), problem, "Give the step another name.", of_key=True)
