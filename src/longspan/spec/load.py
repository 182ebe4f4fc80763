"""From the text of ``longspan.yaml`` to a `System`, or to everything that is wrong with it.

Whatever comes in, a `Loaded` or an `Invalid` comes out: the text is read (`text`), each section is
checked (`words` turns what pydantic finds into our words) and the sections are compared (`agree`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from pydantic import ValidationError

from longspan.base.errors import Complaint, Invalid
from longspan.spec import agree, words
from longspan.spec.places import Finding, Path, Places, dotted
from longspan.spec.system import System
from longspan.spec.text import read

COMPLAINT_LIMIT = 200
"""A file with more mistakes than that is told of the first; each guess at what was meant takes its time."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A system and where its parts were written."""

    system: System
    file: str
    places: Places

    @property
    def positions(self) -> dict[str, tuple[int, int]]:
        """Dotted path (``services.hello.replicas``) -> line and column of its value, from 1."""
        return {dotted(path): (place.line, place.column) for path, place in self.places.at.items()}

    def complaint(self, path: Path, problem: str, remedy: str = "") -> Complaint:
        """A complaint about what stands at `path`, with its position."""
        return self.places.complaint(Finding(path, problem, remedy))


def load_text(text: str | bytes, file: str) -> Loaded:
    """The system that `text` describes; `file` is what complaints call it.

    Raises `Invalid` with every complaint at once, in the order of the file, each with line and column.
    """
    tree = read(text, file)
    found = list(islice(agree.findings(tree.data), COMPLAINT_LIMIT))
    system: System | None = None
    try:
        system = System.model_validate(tree.data)
    except ValidationError as error:
        # What is empty or holds a secret has been told once; that it is no number either helps nobody.
        told = {(finding.path, finding.of_key) for finding in found}
        wrong = words.findings(error, tree.data, System, COMPLAINT_LIMIT)
        found += [finding for finding in wrong if (finding.path, finding.of_key) not in told]
    known = {complaint.at for complaint in tree.complaints}
    complaints = (*tree.complaints, *(c for c in tree.places.complaints(found) if not c.at or c.at not in known))
    if system is None or complaints:
        raise Invalid(tuple(sorted(complaints)[:COMPLAINT_LIMIT]))
    return Loaded(system, file, tree.places)
