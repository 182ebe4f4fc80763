"""Which steps may be left out, and who can do without them?

A step with `when:` may be left out; so may each step that takes something of such a one, unless it says that it can do
without (`Signature.optional`). The answer of a service may not hang on luck.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from longspan.base.signatures import TensorType
from longspan.spec.bindings import condition, quoted
from longspan.spec.places import Finding, Path
from longspan.spec.sources import Givers, Source

_TRUTH = TensorType("BOOL", (1,))


def looked_at(step: str, when: str | None, givers: Givers, path: Path, findings: list[Finding]) -> Source | None:
    """What the `when:` of a step looks at: a BOOL[1] of the request or of another step."""
    if when is None:
        return None
    at = (*path, "steps", step, "when")
    reference = condition(when).reference
    source = givers.named(reference)
    if source is None:
        if (wrong := givers.unnamed(reference)) is not None:
            findings.append(Finding(at, *wrong))
        return None
    if source.scope == step:
        findings.append(Finding(at, "looks at its own output", "A step cannot wait for itself."))
        return None
    if source.type != _TRUTH:
        problem = f"looks at {quoted(reference)}, which is {source.type} and not {_TRUTH}"
        findings.append(Finding(at, problem, "Let a step give a bool: it becomes BOOL[1]."))
    return source


def skippable(
    order: Iterable[str],
    conditions: Mapping[str, Source | None],
    inputs: Mapping[str, Mapping[str, Source]],
    optional: Mapping[str, tuple[str, ...]],
) -> dict[str, str]:
    """Each step that may be left out -> the step whose `when:` decides it. `order`: givers before takers."""
    found: dict[str, str] = {}
    for step in order:
        needed = [source.scope for name, source in inputs[step].items() if name not in optional[step]]
        if conditions[step] is not None:
            found[step] = step
        elif hanging := [found[scope] for scope in needed if scope in found]:
            found[step] = hanging[0]
    return found


def unanswered(
    outputs: Mapping[str, str], answers: Mapping[str, str], left_out: Mapping[str, str], path: Path
) -> Iterable[Finding]:
    """Outputs of the service that come of a step that may be left out."""
    for name, source in outputs.items():
        step = source.partition(".")[0]
        if step not in left_out:
            continue
        media = next((media for media, output in answers.items() if output == name), None)
        at = (*path, "answers", media) if media is not None else (*path, "steps", step)
        because = "by its when:" if left_out[step] == step else f"as it needs {left_out[step]}"
        problem = f"gives {name} to the answer, but {step} may be left out {because}"
        if media is not None:
            problem = f"is made from {source}, but {step} may be left out {because}"
        remedy = "Answer from a last step that can do without: a parameter X | None."
        yield Finding(at, problem, remedy, of_key=media is None)
