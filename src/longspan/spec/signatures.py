"""What does a step take and give? What was described, completed by what the file declares.

Annotations and models speak first; the file names what they leave open and may repeat what they say, but
never contradict it. A step of a model and a callable takes what the model takes and whatever else the callable names,
and gives what the callable gives. Of a server of somebody else's, what the file declares is all that is known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, cast

from longspan.base.signatures import Signature, TensorType
from longspan.spec import servers
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


class Known(NamedTuple):
    """What is known of a step."""

    signature: Signature
    """What the whole step takes and gives."""
    model: Signature | None = None
    """With both a model and `run:`: what the model by itself takes and gives."""
    after: Signature | None = None
    """With both: what the callable by itself takes and gives."""


def of_step(service: str, name: str, step: Step, described: Described, findings: list[Finding]) -> Known | None:
    """The signature of a step; None where it cannot be known, and `findings` says why (or an error did)."""
    path: Path = ("services", service, "steps", name)
    if step.foreign:
        findings += servers.of_types(step, path)
        return Known(Signature(dict(step.inputs or {}), dict(step.outputs or {})))
    model = described.models.get(step.model or "")
    run = described.runs.get(f"{service}.{name}")
    for key, wanted, found, of in (
        ("model", step.model, model, step.model),
        ("run", step.run, run, f"{service}.{name}"),
    ):
        if wanted is not None and found is None and f"{key}:{of}" not in described.errors:
            findings.append(Finding((*path, key), "could not be described"))
    if (step.model is not None and model is None) or (step.run is not None and run is None):
        return None
    if run is None:
        return _of_model(step, model, path, findings)
    findings += _settings(step, run, path)
    before = len(findings)
    known = _of_run(step, run, model, path, findings)
    return known if len(findings) == before else None


def _of_model(step: Step, model: Signature | None, path: Path, findings: list[Finding]) -> Known:
    assert model is not None, "a step has one or the other"
    return Known(
        Signature(
            _completed(dict(model.inputs), step.inputs, (*path, "inputs"), findings),
            _completed(dict(model.outputs), step.outputs, (*path, "outputs"), findings),
            model.call,
        )
    )


def _of_run(step: Step, run: PartialSignature, model: Signature | None, path: Path, findings: list[Finding]) -> Known:
    """A callable by itself, or behind its model: then it takes what that gives, and whatever else it names."""
    given: Mapping[str, TensorType] = model.outputs if model is not None else {}
    of_model: Mapping[str, TensorType] = model.inputs if model is not None else {}
    taken = {name: kind if kind is not None else given.get(name) for name, kind in run.inputs.items()}
    # An input of both is one thing, whose type the model says.
    inputs = _completed({**taken, **of_model}, step.inputs, (*path, "inputs"), findings)
    if run.outputs is None:
        if step.outputs is None:
            remedy = 'Annotate what it returns, or add outputs: {NAME: "FP32[batch, 16]"}.'
            findings.append(Finding((*path, "run"), "says nothing of what it gives", remedy))
        outputs = dict(step.outputs or {})
    else:
        outputs = _completed(run.outputs, step.outputs, (*path, "outputs"), findings)
    call = cast("Literal['sync', 'async', 'stream']", run.call)
    if model is None:
        return Known(Signature(inputs, outputs, call, run.optional))
    findings += _behind(step, run, model, path)
    own = {name: kind if kind is not None else inputs[name] for name, kind in taken.items() if kind or name in inputs}
    whole = {name: inputs[name] for name in (*of_model, *(name for name in own if name not in {*given, *of_model}))}
    optional = tuple(name for name in run.optional if name in whole and name not in of_model)
    return Known(Signature(whole, outputs, call, optional), model, Signature(own, outputs, call, optional))


def _behind(step: Step, run: PartialSignature, model: Signature, path: Path) -> Iterator[Finding]:
    """What keeps a callable from standing behind a model."""
    if not any(name in model.outputs for name in run.inputs):
        parameters = [name for name in model.outputs if name.isidentifier()]
        remedy = f"Name a parameter as the model names its output: {joined(parameters, 'or')}."
        if not parameters:
            remedy = f"Make two steps of it, bound by from: no parameter can be called {next(iter(model.outputs))}."
        yield Finding((*path, "run"), f"takes nothing of what {step.model} gives", remedy)
    if run.call != "sync":
        verb = "streams" if run.call == "stream" else "is async"
        problem = f"{verb}, but behind a model it runs in that model's thread"
        yield Finding((*path, "run"), problem, "Make it a plain function, or two steps of it.")


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
