"""Do the steps of a graph fit together? A proof before anything runs.

Each input is given by exactly one thing (`sources`), and what is given is what is taken (`edges`). No steps wait for
each other in a ring, and nothing is made for nobody (`loose`). What may be left out is not missed (`skips`), and what
goes to other processes can go there (`sockets`). The same walk gives the resolved graphs that a worker's orders are
made of (`works`), so that what was proved is what runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from longspan.base.errors import Invalid
from longspan.base.signatures import Signature, TensorType
from longspan.spec import loose, natural, rows, signatures, skips, sockets
from longspan.spec.bindings import written_at
from longspan.spec.edges import Edges
from longspan.spec.load import Loaded
from longspan.spec.order import ordered
from longspan.spec.places import Finding, Path, Places
from longspan.spec.services import Service
from longspan.spec.shapes import REQUEST
from longspan.spec.signatures import Known
from longspan.spec.sources import Givers, Source
from longspan.spec.steps import Step
from longspan.spec.system import System
from longspan.wire.orders import Described


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A step in its graph."""

    name: str
    signature: Signature
    """What runs takes and gives: arrays, where rows are filled up."""
    inputs: dict[str, str]
    """Input -> ``step.output``, or a bare name of the service's inputs."""
    after: Signature | None = None
    """With a model and a callable: what the callable takes and gives."""
    when: str = ""
    pad: dict[str, int] = {}
    """The step's own free dimension -> the multiple that it is filled up to."""


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """A service with everything bound."""

    inputs: dict[str, TensorType]
    """What a request brings; dimensions that the graph fixes are numbers."""
    outputs: dict[str, str]
    """Output -> ``step.output``: those of the last step of the file, and what `answers` names."""
    steps: tuple[Link, ...]
    """Each after all that it takes something of, and else in the order of the file."""
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
    """Each service's graph by name. Raises `Invalid`, without positions, where `check` would."""
    found, findings = _resolve(system, described)
    if findings:
        raise Invalid(Places("").complaints(findings))
    return found


def _resolve(system: System, described: Described) -> tuple[dict[str, Chain], list[Finding]]:
    findings = list(signatures.errors(described))
    found = {name: _walk(name, service, described, findings) for name, service in system.services.items()}
    used = {step.model for service in system.services.values() for step in service.steps.values()}
    for name in sorted((system.models.keys() - used) & described.models.keys()):
        findings += sockets.of_model(("models", name), described.models[name])
    return found, findings


def _walk(name: str, service: Service, described: Described, findings: list[Finding]) -> Chain:
    """Go through one graph, collect what does not fit and go on."""
    path: Path = ("services", name)
    known = {
        step: signatures.of_step(name, step, section, described, findings) for step, section in service.steps.items()
    }
    signed = {step: found.signature for step, found in known.items() if found is not None}
    brings = _inputs(service, known)
    givers = Givers(brings, {step: _seen(service, step, found) for step, found in known.items()}, path)
    bound = {
        step: givers.bind(step, service.steps[step], signature.inputs, findings) for step, signature in signed.items()
    }
    conditions = {
        step: skips.looked_at(step, section.when, givers, path, findings) for step, section in service.steps.items()
    }
    edges = Edges(path, findings)
    links = {}
    for step, found in known.items():
        if found is not None:
            findings += _of_itself(service, path, step, found.signature)
            pad = edges.into(step, service.steps[step], found, bound[step])
            links[step] = _link(step, service.steps[step], found, bound[step], pad)
    findings += loose.rings(service, path, bound, conditions)
    findings += loose.twins(path, brings, signed)
    inputs = {name: edges.dimensions.resolved(REQUEST, kind) for name, kind in (brings or {}).items()}
    order = ordered(loose.needs(service, bound, conditions))
    chain = Chain(
        inputs=inputs, outputs={}, steps=tuple(links[step] for step in order if step in links), accepts={}, answers={}
    )
    if len(links) < len(known):
        return chain
    outputs, answers = natural.answers(service, path, signed, findings)
    accepts = natural.accepts(service, path, inputs, {step: link.inputs for step, link in links.items()}, findings)
    findings += sockets.of_service(service, path, inputs, outputs, givers)
    findings += sockets.of_request(service, path, inputs)
    findings += sockets.of_steps(service, path, signed)
    if all(len(bound[step]) == len(signature.inputs) for step, signature in signed.items()):
        findings += loose.unused(service, path, signed, bound, conditions)
        optional = {step: signature.optional for step, signature in signed.items()}
        left_out = skips.skippable(order, conditions, bound, optional)
        findings += skips.unanswered(outputs, answers, left_out, path)
    return msgspec.structs.replace(chain, outputs=outputs, accepts=accepts, answers=answers)


def _inputs(service: Service, known: Mapping[str, Known | None]) -> dict[str, TensorType] | None:
    """What a request brings: what the file declares, else what the first step takes; None where nobody can know."""
    if service.inputs is not None:
        return dict(service.inputs)
    name, first = next(iter(known.items()))
    by_hand = service.steps[name].sources
    if first is None:
        return None
    return {name: kind for name, kind in first.signature.inputs.items() if written_at(by_hand, name) is None}


def _seen(service: Service, step: str, known: Known | None) -> dict[str, TensorType] | None:
    """A step's outputs as who takes them sees them; None where they are not known."""
    if known is None:
        return None
    padded = service.steps[step].pad is not None
    return {name: rows.given_on(kind, padded) for name, kind in known.signature.outputs.items()}


def _link(step: str, section: Step, known: Known, bound: Mapping[str, Source], pad: dict[str, int]) -> Link:
    return Link(
        name=step,
        signature=known.signature,
        inputs={name: source.at for name, source in bound.items()},
        after=known.after,
        when=section.when or "",
        pad=pad,
    )


def _of_itself(service: Service, path: Path, step: str, signature: Signature) -> Iterator[Finding]:
    """What is wrong with a step, whatever it is bound to."""
    path = (*path, "steps", step)
    if signature.call == "stream" and step != next(reversed(service.steps)):
        remedy = "Only the last step may yield; return the value here."
        yield Finding((*path, "run"), "streams, but steps follow it", remedy, of_key=True)
    for side, kinds in (("inputs", signature.inputs), ("outputs", signature.outputs)):
        for name, kind in kinds.items():
            if kind.ragged and not kind.batched:
                problem = f"is {kind}: rows that differ need batch as their first dimension"
                yield Finding((*path, side, name), problem)
