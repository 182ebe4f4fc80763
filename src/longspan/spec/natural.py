"""What does natural content become, and what is it made from?

`accepts:` and `answers:` name a step's input and output as ``step.name``, or the service's own by a bare name.
A body is one input, BYTES [1], so a service that takes natural content has exactly that one. A service that
streams is called by natural content only: it has both.
"""

from __future__ import annotations

from collections.abc import Mapping

from longspan.base.signatures import Signature, TensorType
from longspan.spec.places import Finding, Path
from longspan.spec.services import Service
from longspan.spec.words import did_you_mean, joined

STREAMS = frozenset({"text/event-stream", "application/x-ndjson"})
"""Media types that only a stream can be."""


def answers(
    service: Service, path: Path, known: Mapping[str, Signature | None], findings: list[Finding]
) -> tuple[dict[str, str], dict[str, str]]:
    """The service's outputs (name -> ``step.output``) and its answers (media type -> output)."""
    signatures = {name: signature for name, signature in known.items() if signature is not None}
    last = next(reversed(signatures))
    outputs = {name: f"{last}.{name}" for name in signatures[last].outputs}
    everything = {f"{step}.{name}" for step, signature in signatures.items() for name in signature.outputs}
    streams = signatures[last].call == "stream"
    if streams and service.answers is None:
        remedy = 'Add accepts: {"*/*": STEP.INPUT} and answers: {text/event-stream: STEP.OUTPUT}.'
        at = (*path, "steps", last, "run")
        findings.append(Finding(at, "streams, so it can only be called by natural content", remedy))
    found = {}
    for media, reference in (service.answers or {}).items():
        at = (*path, "answers", media)
        source = outputs.get(reference) if reference in outputs else reference
        if source not in everything:
            remedy = did_you_mean(reference, everything | set(outputs))
            findings.append(Finding(at, f"names no output of a step: {reference}", remedy))
            continue
        step, _, name = source.partition(".")
        problem, remedy = _unanswerable(media, source, signatures[step].outputs[name], streams, step == last)
        if problem:
            findings.append(Finding(at, problem, remedy))
        elif outputs.setdefault(name, source) != source:
            problem = f"is made from {source}, but {outputs[name]} has the same name"
            findings.append(Finding(at, problem, "Give one of the two outputs another name."))
        else:
            found[media] = name
    return outputs, found


def _unanswerable(media: str, source: str, kind: TensorType, streams: bool, of_last: bool) -> tuple[str, str]:
    """Why this output cannot be that answer, and what to do; empty when it can."""
    if streams and not of_last:
        return f"is made from {source}, but the last step streams", "Name an output of the last step."
    if streams and media == "application/json":
        return "is one JSON value, but the service streams", "Write application/x-ndjson or text/event-stream."
    if not streams and media in STREAMS:
        return "is a stream, but the last step gives one value", "Make the last step an async iterator."
    if media not in {"application/json", *STREAMS} and not _one_value(kind):
        return f"is bytes, but {source} is {kind}", "Make a BYTES[1] of it in a last step, or answer application/json."
    return "", ""


def accepts(
    service: Service,
    path: Path,
    inputs: Mapping[str, TensorType],
    bound: Mapping[str, Mapping[str, str]],
    findings: list[Finding],
) -> dict[str, str]:
    """Media range -> the input of the service that a body becomes."""
    found = {}
    for media, reference in (service.accepts or {}).items():
        at = (*path, "accepts", media)
        step, _, name = reference.partition(".")
        source = reference if reference in inputs else bound.get(step, {}).get(name)
        if source is None:
            choices = [f"{step}.{name}" for step, names in bound.items() for name in names if names[name] in inputs]
            remedy = did_you_mean(reference, {*choices, *inputs})
            findings.append(Finding(at, f"names no input of a step: {reference}", remedy))
        elif source not in inputs:
            remedy = f"Name an input that the request gives: {joined(inputs, 'or')}."
            findings.append(Finding(at, f"names {reference}, which is given by {source}, not by the request", remedy))
        elif not _one_value(inputs[source]):
            problem = f"names {reference}, which is {inputs[source]}; a body becomes BYTES[1]"
            findings.append(Finding(at, problem, "Take bytes in a first step that prepares the rest."))
        elif others := [name for name in inputs if name != source]:
            problem = f"gives only {source}, and the service takes {joined(others)} besides"
            remedy = "Put it all into one body, or call the service by the Open Inference Protocol only."
            findings.append(Finding(at, problem, remedy))
        else:
            found[media] = source
    return found


def _one_value(kind: TensorType) -> bool:
    """Can it be BYTES [1]?"""
    return kind.dtype == "BYTES" and len(kind.shape) == 1 and (isinstance(kind.shape[0], str) or kind.shape[0] == 1)
