"""What is wrong with a value, in our words.

pydantic finds the mistakes and names them for programmers; here each becomes a problem and a remedy for
the author of the file. An unknown key is looked for in the whole tree: where it would be right
("belongs under"), what was meant ("did you mean"), or when it will come.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import ValidationError

from longspan.base.names import closest
from longspan.spec.places import Finding, Path, dotted, printable
from longspan.spec.planned import PLANNED
from longspan.spec.section import Section
from longspan.spec.values import show

_KEY = "[key]"
"""How pydantic marks that the key, not the value, was refused."""
_CHOICES = 1000
"""Names that are looked through for the one that was meant."""
_PLACEHOLDER = {"models": "MODEL", "services": "SERVICE", "steps": "STEP", "schedules": "N"}


def findings(error: ValidationError, data: Any, root: type[Section], most: int = 200) -> tuple[Finding, ...]:
    """Each error of pydantic as a finding, up to `most`. `data` is what was validated as `root`."""
    details = error.errors(include_url=False)[:most]
    mistyped = {_meant(detail["loc"], root) for detail in details if detail["type"] == "extra_forbidden"}
    # Who wrote `sytem` is asked whether `system` was meant; that it is missing says nothing new.
    told = [detail for detail in details if detail["type"] != "missing" or detail["loc"] not in mistyped]
    return tuple(_finding(detail, data, root) for detail in told)


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Asks whether the nearest candidate was meant, or says what there is to choose from."""
    names = sorted(candidates)[:_CHOICES]
    if guess := closest(name, names):
        return f"Did you mean {guess}?"
    return f"There {'is' if len(names) == 1 else 'are'} {joined(names)}." if names else "There is none."


def joined(names: Iterable[str], last: str = "and") -> str:
    """``a, b and c``; no more than twelve."""
    shown = [printable(name, 60) for name in names]
    if len(shown) > 12:
        return f"{', '.join(shown[:12])} {last} {len(shown) - 12} more"
    return f"{', '.join(shown[:-1])} {last} {shown[-1]}" if len(shown) > 1 else "".join(shown)


def flow(value: Any) -> str:
    """A value in YAML's flow style, as a remedy proposes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    text = str(value)
    return f'"{text}"' if isinstance(value, str) and (":" in text or text[:1].isdigit()) else text


# ---------------------------------------------------------------------------------- from pydantic


def _finding(detail: Any, data: Any, root: type[Section]) -> Finding:
    path: Path = detail["loc"]
    of_key = path[-1:] == (_KEY,) and not _present(data, path)
    if of_key:
        path = path[:-1]
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    match kind:
        case "longspan":
            return Finding(path, context["problem"], context["remedy"], of_key)
        case "extra_forbidden":
            return _unknown(path, root)
        case "missing":
            return Finding(path, "is missing", _proposal("Add", path, root))
        case "model_type" | "dict_type":
            # Somebody's secret may stand where the settings of a step should.
            shown = "text" if path[-1:] == ("with",) and isinstance(value, str) else show(value)
            return Finding(path, f"is {shown}, and keys with values belong here", _proposal("Write", path, root))
        case "int_type" | "int_from_float" | "float_type" | "bool_type":
            return _of_another_kind(path, value, kind)
        case "greater_than_equal":
            return Finding(path, f"is {show(value)}; the least is {context['ge']}")
        case "less_than_equal":
            return Finding(path, f"is {show(value)}; the most is {context['le']}")
        case "too_short":
            return Finding(path, "is empty, and at least one belongs here", _proposal("Write", path, root))
        case "too_long":
            return Finding(path, f"has {context['actual_length']} entries; the most is {context['max_length']}")
    return Finding(path, f"is {show(value)}, which cannot stand here", _proposal("Write", path, root))


def _of_another_kind(path: Path, value: Any, kind: str) -> Finding:
    wanted, remedy = {
        "float_type": ("a number", _unquote(value, _is_number)),
        "bool_type": ("true or false", "Write true or false, without quotes."),
    }.get(kind, ("a whole number", _unquote(value, str.isdigit)))
    return Finding(path, f"is {show(value)}, and {wanted} belongs here", remedy)


def _meant(path: Path, root: type[Section]) -> Path:
    """The path that an unknown key was probably meant to be; itself when nothing is near."""
    section = section_at(path[:-1], root)
    guess = closest(str(path[-1]), section.keys()) if section is not None else None
    return (*path[:-1], guess) if guess else path


def _unknown(path: Path, root: type[Section]) -> Finding:
    """A key that its section does not know."""
    key = str(path[-1])
    if key in PLANNED:
        return Finding(path, f"comes later ({PLANNED[key]}); not honoured yet, so refused", "Take it out.", of_key=True)
    if homes := [home for home in _homes(key, path, root) if home != path]:
        remedy = f"It belongs under {joined(map(dotted, homes), 'or')}."
        return Finding(path, "stands in the wrong place", remedy, of_key=True)
    section = section_at(path[:-1], root)
    known = section.keys() if section is not None else {}
    return Finding(path, "is no key that is known here", did_you_mean(key, known), of_key=True)


def _homes(key: str, path: Path, root: type[Section]) -> list[Path]:
    """Where in the tree `key` would be right, the nearest first; names are filled in where `path` has them."""
    found: list[tuple[int, Path]] = []
    for pattern, section in sections(root):
        known = section.keys()
        if key in known:
            same = True
            filled: list[str | int] = []
            for index, part in enumerate(pattern):
                here = path[index] if index < len(path) - 1 else None
                same = same and here is not None and part in {here, "*"}
                filled.append(here if same and here is not None else _named(pattern, index))
            shared = sum(1 for a, b in zip(filled, path, strict=False) if a == b)
            found.append((-shared, (*filled, key)))
    return [home for _, home in sorted(found, key=lambda item: item[0])][:3]


def _named(pattern: tuple[str, ...], index: int) -> str:
    return pattern[index] if pattern[index] != "*" else _PLACEHOLDER[pattern[index - 1]]


def _proposal(verb: str, path: Path, root: type[Section]) -> str:
    """``Add it: path: models/tiny.onnx``, out of the example of the section concerned."""
    if not path:
        return f"{verb} {flow(root.example)[1:-1]}."
    section = section_at(path, root)
    if section is not None:
        head = "" if isinstance(path[-1], int) else f"{path[-1]}: "
        return f"{verb} {head}{flow(section.example)}."
    parent = section_at(path[:-1], root)
    if parent is not None and path[-1] in parent.example:
        return f"{verb} {path[-1]}: {flow(parent.example[str(path[-1])])}."
    return ""


def _unquote(value: Any, fits: Any) -> str:
    return "Take the quotes away." if isinstance(value, str) and fits(value) else ""


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _present(data: Any, path: Path) -> bool:
    for part in path:
        if not isinstance(data, dict) or part not in data:
            return False
        data = data[part]
    return True


# ------------------------------------------------------------------------------- the tree of sections


def section_at(path: Path, root: type[Section]) -> type[Section] | None:
    """The section that stands at `path`; None for a plain value, or a mapping of names."""
    for pattern, section in sections(root):
        if len(pattern) == len(path) and all(p in {"*", part} for p, part in zip(pattern, path, strict=True)):
            return section
    return None


def sections(root: type[Section], pattern: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], type[Section]]]:
    """All sections under `root` with where they stand: ``("services", "*", "limits")``; ``*`` is any name."""
    yield pattern, root
    for key, name in root.keys().items():
        for section, below in _sections_of(root.model_fields[name].annotation):
            yield from sections(section, (*pattern, key, *below))


def _sections_of(annotation: Any) -> Iterator[tuple[type[Section], tuple[str, ...]]]:
    """The sections that a field may hold: by itself or not at all, by names, or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation, ()
        return
    many = () if get_origin(annotation) in (Union, UnionType) else ("*",)
    for inner in get_args(annotation):
        if isinstance(inner, type) and issubclass(inner, Section):
            yield inner, many
