"""What does a step take and give? What was described, completed by what the file declares.

Annotations and models speak first; the file names what they leave open and may repeat what they say, but
never contradict it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, cast

from longspan.base.signatures import Signature, TensorType
from longspan.spec.places import Finding, Path
from longspan.spec.steps import Step
from longspan.spec.words import did_you_mean, joined
from longspan.wire.orders import Described, PartialSignature

Side = Literal["inputs", "outputs"]


def errors(described: Described) -> Iterator[Finding]:
    """What could not be described, each at the `run:` or `path:` that names it."""
    for key, problem in described.errors.items():
        kind, _, name = key.partition(":")
        service, _, step = name.partition(".")
        if kind == "model":
            yield Finding(("models", name, "path"), problem)
        elif kind == "run":
            yield Finding(("services", service, "steps", step, "run"), problem)
        else:
            yield Finding((), problem)


def of_step(service: str, name: str, step: Step, described: Described, findings: list[Finding]) -> Signature | None:
    """The signature of a step; None where it cannot be known, and `findings` says why (or an error did)."""
    path: Path = ("services", service, "steps", name)
    if step.model is not None:
        model = described.models.get(step.model)
        if model is None:
            if f"model:{step.model}" not in described.errors:
                findings.append(Finding((*path, "model"), "could not be described"))
            return None
        return Signature(
            _completed(dict(model.inputs), step.inputs, (*path, "inputs"), findings),
            _completed(dict(model.outputs), step.outputs, (*path, "outputs"), findings),
            model.call,
        )
    run = described.runs.get(f"{service}.{name}")
    if run is None:
        if f"run:{service}.{name}" not in described.errors:
            findings.append(Finding((*path, "run"), "could not be described"))
        return None
    findings += _settings(step, run, path)
    before = len(findings)
    inputs = _completed(run.inputs, step.inputs, (*path, "inputs"), findings)
    if run.outputs is None:
        if step.outputs is None:
            remedy = 'Annotate what it returns, or add outputs: {NAME: "FP32[batch, 16]"}.'
            findings.append(Finding((*path, "run"), "says nothing of what it gives", remedy))
        outputs = dict(step.outputs or {})
    else:
        outputs = _completed(run.outputs, step.outputs, (*path, "outputs"), findings)
    if len(findings) > before:
        return None
    return Signature(inputs, outputs, cast("Literal['sync', 'async', 'stream']", run.call))


def _completed(
    described: Mapping[str, TensorType | None],
    declared: Mapping[str, TensorType] | None,
    path: Path,
    findings: list[Finding],
) -> dict[str, TensorType]:
    """Described types, the open ones filled in from the file."""
    declared = declared or {}
    side = str(path[-1])
    for name, kind in declared.items():
        if name not in described:
            remedy = did_you_mean(name, described)
            findings.append(Finding((*path, name), f"is none of its {side}", remedy, of_key=True))
        elif (known := described[name]) is not None and known != kind:
            problem = f"is declared as {kind}, but it is {known}"
            findings.append(Finding((*path, name), problem, "Take the declaration out, or correct one of the two."))
    found = {name: kind if kind is not None else declared.get(name) for name, kind in described.items()}
    if missing := [name for name, kind in found.items() if kind is None]:
        example = "{" + f'{missing[0]}: "FP32[batch, 16]"' + "}"
        problem = f"does not say what type its {side} {joined(missing)} {'has' if len(missing) == 1 else 'have'}"
        problem = problem.replace(side, side.removesuffix("s"), 1) if len(missing) == 1 else problem
        remedy = f"Annotate it with Shape, or add {side}: {example} to the step."
        findings.append(Finding((*path[:-1], "run"), problem, remedy))
    return {name: kind for name, kind in found.items() if kind is not None}


def _settings(step: Step, run: PartialSignature, path: Path) -> Iterator[Finding]:
    """Do the values of ``with:`` fit the class that takes them?"""
    if run.settings is None:
        if step.settings is not None:
            remedy = "Make it a class that takes them once, at start, or take them out."
            yield Finding((*path, "with"), f"is for classes, and {step.run} is a function", remedy, of_key=True)
        return
    given = step.settings or {}
    for name in given:
        if name not in run.settings:
            remedy = did_you_mean(name, run.settings)
            yield Finding((*path, "with", name), f"is no setting of {step.run}", remedy, of_key=True)
    if missing := [name for name, required in run.settings.items() if required and name not in given]:
        remedy = f"Add with: {{{', '.join(f'{name}: ...' for name in missing)}}}."
        yield Finding((*path, "with" if step.settings is not None else "run"), f"lacks {joined(missing)}", remedy)
