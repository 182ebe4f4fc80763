"""Does what is given fit what is taken, along each edge of a graph?

Data types and numbers of dimensions must be the same, dimensions must be able to be (`shapes`), and elements of BYTES
must hold what is wanted. Rows of different sizes have rules of their own (`rows`).
"""

from __future__ import annotations

from longspan.base.signatures import Signature, TensorType
from longspan.spec import rows
from longspan.spec.bindings import written_at
from longspan.spec.places import Finding, Path
from longspan.spec.shapes import REQUEST, Dimensions, Side, elements_fit
from longspan.spec.signatures import Known
from longspan.spec.sources import Source
from longspan.spec.steps import Step

_SAME = "Make the two the same."


class Edges:
    """All edges of one service; they share what is known of its dimensions."""

    def __init__(self, path: Path, findings: list[Finding]) -> None:
        self._path, self._findings = path, findings
        self.dimensions = Dimensions()

    def into(self, step: str, section: Step, known: Known, bound: dict[str, Source]) -> dict[str, int]:
        """Hold a step against all that gives it something. Returns its padding: its own dimension -> multiple."""
        signature, path = known.signature, (*self._path, "steps", step)
        padding = rows.Padding(section.pad or {})
        for name, source in bound.items():
            at = written_at(section.sources, name)
            found = self._misfit(step, name, signature.inputs[name], source, section, padding)
            if found is not None:
                self._findings.append(Finding((*path, *(at or ())), *found, of_key=at is None))
        if known.model is not None and known.after is not None:
            self._inside(step, known.model, known.after)
        if section.pad is not None:
            self._padded(step, signature, padding, whole=len(bound) == len(signature.inputs))
        return padding.own()

    def _misfit(
        self, step: str, name: str, taken: TensorType, source: Source, section: Step, padding: rows.Padding
    ) -> tuple[str, str] | None:
        """Why `source` cannot be the input `name`, and what to do."""
        given = source.type
        gives = f"{source.scope or 'the request'} gives {source.name} {given}"
        problem = f"takes {name} {taken}; {gives}"
        here, there = given, taken
        if given.dtype == taken.dtype and len(given.shape) == len(taken.shape):
            padding.see(given)
            if (wrong := rows.misfit(given, taken, section.pad or {})) is not None:
                return f"{problem}: {wrong.why}", wrong.remedy
            here, there = rows.even(given, taken)
        takes = f"{step} takes {name} {taken}"
        why = self.dimensions.unify(Side(source.scope, here, gives), Side(step, there, takes))
        if why is None and not elements_fit(given.element, taken.element, of_request=source.scope == REQUEST):
            why = f"a step takes {taken.element} only from a step that gives {taken.element}"
        if why is None:
            why = padding.take(given, taken) or None
        return None if why is None else (f"{problem}: {why}" if why else problem, _SAME)

    def _inside(self, step: str, model: Signature, after: Signature) -> None:
        """What a model gives must be what the callable behind it takes. A name means one size within the whole step."""
        for name, taken in after.inputs.items():
            given = model.outputs.get(name, model.inputs.get(name))
            if given is None:
                continue
            gives = f"the model {'gives' if name in model.outputs else 'takes'} {name} {given}"
            takes = f"the callable takes {name} {taken}"
            why = self.dimensions.unify(Side(step, given, gives), Side(step, taken, takes))
            if why is None and not elements_fit(given.element, taken.element, of_request=False):
                why = f"{taken.element} is taken only from what gives {taken.element}"
            if why is not None:
                problem = f"takes {name} {taken}; {gives}" + (f": {why}" if why else "")
                self._findings.append(Finding((*self._path, "steps", step, "run"), problem, _SAME))

    def _padded(self, step: str, signature: Signature, padding: rows.Padding, *, whole: bool) -> None:
        path = (*self._path, "steps", step)
        for name, remedy in padding.unknown() if whole else ():
            problem = f"is no dimension in which rows that {step} takes differ"
            self._findings.append(Finding((*path, "pad", name), problem, remedy, of_key=True))
        for name, kind in signature.outputs.items():
            if not kind.batched:
                problem = f"gives {name} {kind}, and with pad: its rows run in several parts"
                self._findings.append(Finding(path, problem, "Let batch be the first dimension of all that it gives."))
