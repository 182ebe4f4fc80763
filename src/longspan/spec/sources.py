"""Where does each input of a step come from?

By name: the one thing of that name that the request brings or that a step further up in the file gives. By hand:
what `from:` names, which may be given by any step. Here is only who gives; whether it fits is `fits`' question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from longspan.base.signatures import TensorType
from longspan.spec.bindings import ONLY, quoted
from longspan.spec.places import Finding, Path
from longspan.spec.shapes import REQUEST, Scope
from longspan.spec.steps import Step
from longspan.spec.words import did_you_mean, joined

_OF_REQUEST = "If the request brings it, list it under inputs: of the service."


class Source(NamedTuple):
    """Something that is given."""

    at: str
    """As orders say it: ``step.output``, or a bare name of the service's inputs."""
    scope: Scope
    """The step that gives it; empty for the request."""
    name: str
    type: TensorType


class Givers:
    """All that is given in one service."""

    def __init__(
        self,
        inputs: Mapping[str, TensorType] | None,
        outputs: Mapping[str, Mapping[str, TensorType] | None],
        path: Path,
    ) -> None:
        """`outputs`: each step's, as who takes them sees them (None: not known). `path`: the service."""
        self._inputs, self._outputs, self._path = inputs, outputs, path

    def named(self, reference: str) -> Source | None:
        """What a reference names; None when it is nothing, or nothing that is known."""
        if self._inputs is not None and reference in self._inputs:
            return Source(reference, REQUEST, reference, self._inputs[reference])
        step, _, name = reference.partition(".")
        kind = (self._outputs.get(step) or {}).get(name)
        return Source(reference, step, name, kind) if kind is not None else None

    def unnamed(self, reference: str) -> tuple[str, str] | None:
        """What is wrong with a reference that names nothing, and what to do; None when nobody can know."""
        step, _, name = reference.partition(".")
        if step in self._outputs:
            outputs = self._outputs[step]
            if outputs is None:
                return None
            return f"names no output of {step}: {quoted(name)}", did_you_mean(name, outputs)
        if self._inputs is None:
            return None
        given = {f"{other}.{output}" for other, outputs in self._outputs.items() for output in outputs or ()}
        remedy = did_you_mean(reference, given | set(self._inputs))
        if "." not in reference:
            remedy = f"{remedy} {_OF_REQUEST}"
        return f"names nothing that is given: {quoted(reference)}", remedy

    def bind(
        self, step: str, section: Step, takes: Mapping[str, TensorType], findings: list[Finding]
    ) -> dict[str, Source]:
        """Each input of `step` that one thing gives."""
        by_hand = dict(self._by_hand(step, section.sources or {}, takes, findings))
        before = list(self._outputs)[: list(self._outputs).index(step)]
        found = {}
        for name, taken in takes.items():
            if name in by_hand:
                if (source := by_hand[name]) is not None:
                    found[name] = source
                continue
            sources = self._by_name(name, before)
            if len(sources) == 1:
                found[name] = sources[0]
            elif sources:
                findings.append(self._ambiguous(step, name, taken, sources))
            elif self._inputs is not None and all(self._outputs[other] is not None for other in before):
                findings.append(self._missing(step, name, taken, before))
        return found

    def _by_hand(
        self, step: str, wanted: Mapping[str, str], takes: Mapping[str, TensorType], findings: list[Finding]
    ) -> Iterator[tuple[str, Source | None]]:
        """What `from:` says of inputs that there are; None where it names nothing."""
        path = (*self._path, "steps", step, "from")
        for key, reference in wanted.items():
            at, name = ((*path, key), key) if key != ONLY else (path, next(iter(takes), ""))
            if key == ONLY and len(takes) != 1:
                problem = f"is one reference, and {step} has {f'the inputs {joined(takes)}' if takes else 'no input'}"
                remedy = f"Write from: {{{name}: {quoted(reference)}}}." if takes else "Take it out."
                findings.append(Finding(at, problem, remedy))
                # Which one is meant is not known: no other complaint about any of them would help.
                yield from ((other, None) for other in takes)
            elif name not in takes:
                findings.append(Finding(at, f"is no input of {step}", did_you_mean(name, takes), of_key=True))
            else:
                source = self.named(reference)
                if source is not None and source.scope == step:
                    findings.append(Finding(at, "names its own output", "A step cannot feed itself."))
                    source = None
                elif source is None and (wrong := self.unnamed(reference)) is not None:
                    findings.append(Finding(at, *wrong))
                yield name, source

    def _by_name(self, name: str, before: list[str]) -> list[Source]:
        sources = []
        if self._inputs is not None and name in self._inputs:
            sources.append(Source(name, REQUEST, name, self._inputs[name]))
        for step in before:
            kind = (self._outputs[step] or {}).get(name)
            if kind is not None:
                sources.append(Source(f"{step}.{name}", step, name, kind))
        return sources

    def _ambiguous(self, step: str, name: str, taken: TensorType, sources: list[Source]) -> Finding:
        givers = joined([f"step {source.scope}" if source.scope else "the request" for source in sources])
        remedy = f"Say which is meant: from: {{{name}: {sources[-1].at}}}."
        return Finding((*self._path, "steps", step), f"takes {name} {taken}, given by {givers}", remedy, of_key=True)

    def _missing(self, step: str, name: str, taken: TensorType, before: list[str]) -> Finding:
        there = set(self._inputs or {}).union(*(self._outputs[other] or () for other in before))
        later = [other for other, outputs in self._outputs.items() if other not in before and name in (outputs or ())]
        problem = f"takes {name} {taken}, which nothing before it gives"
        if step in later:
            remedy = "It gives that itself, but a step cannot feed itself."
        elif later:
            remedy = f"{later[0]} gives it: put that step before {step}, or write from: {{{name}: {later[0]}.{name}}}."
        else:
            remedy = f"{did_you_mean(name, there)} {_OF_REQUEST}"
        return Finding((*self._path, "steps", step), problem, remedy, of_key=True)
