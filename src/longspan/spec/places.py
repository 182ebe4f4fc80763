"""Where in the text does a thing stand?

A `Path` names a thing in the tree of the file: ``("services", "hello", "replicas")``. `Places` knows
where each of them was written, and turns a `Finding` (what is wrong at a path) into a `Complaint`
(what is wrong at a line and a column). Rules speak in findings and need not know about text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from longspan.base.errors import Complaint

Path = tuple[str | int, ...]
"""Keys and list indices from the top of the file down; the empty path is the whole file."""

_SHOWN = 80
"""Characters of one part of a path that a complaint repeats."""
_SAID = 600
"""Characters of a problem or a remedy; names of the file and messages of its modules may stand in them."""


class Place(NamedTuple):
    """Where a value and its key stand. Lines and columns count from 1."""

    line: int
    column: int
    key_line: int
    key_column: int
    text: str | None = None
    """A scalar as it was written, without quotes; None for mappings and lists."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, at a path. `of_key`: the key itself is wrong, not its value."""

    path: Path
    problem: str
    remedy: str = ""
    of_key: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """The places of all that stands in one file."""

    file: str
    at: Mapping[Path, Place] = field(default_factory=dict)

    def complaint(self, finding: Finding) -> Complaint:
        """The finding with its position; what is not in the text is shown at what encloses it."""
        path, of_key = finding.path, finding.of_key
        while path and path not in self.at:
            path, of_key = path[:-1], True
        place = self.at.get(path)
        if place is None:
            line, column = 0, 0
        else:
            line, column = (place.key_line, place.key_column) if of_key else (place.line, place.column)
        problem, remedy = printable(finding.problem, _SAID), printable(finding.remedy, _SAID)
        return Complaint(self.file, line, column, dotted(finding.path), problem, remedy)

    def complaints(self, findings: Iterable[Finding]) -> tuple[Complaint, ...]:
        """All findings with their positions, none twice."""
        return tuple(dict.fromkeys(self.complaint(finding) for finding in findings))


def dotted(path: Path) -> str:
    """``services.hello.replicas``. What cannot be printed is escaped: the text goes to terminals."""
    return ".".join(printable(str(part), _SHOWN) for part in path)


def printable(text: str, most: int) -> str:
    """At most `most` characters of `text`, with control characters and the like escaped."""
    cut = text if len(text) <= most else text[:most] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
