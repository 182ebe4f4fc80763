"""What is different between two accepted systems, in the words of the file.

This is what people read and approve. What is safe to do now is another question; `replicas.decide`
answers it. Comments and layout never show, since a canonical form has none; a changed byte of step
code, a model's file or a secret is a line of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from longspan.base.units import format_size
from longspan.system.records import Accepted, Change

_ABSENT = "absent"
_ORDERED = (".steps", ".answers")


def diff(old: Accepted | None, new: Accepted) -> tuple[Change, ...]:
    """Every changed line, in the order of the new file and then of what went away."""
    before = dict(_lines(old)) if old else {}
    after = dict(_lines(new))
    changes = []
    for at in (*after, *(at for at in before if at not in after)):
        was, now = before.get(at, _ABSENT), after.get(at, _ABSENT)
        if was == now:
            continue
        if was is _ABSENT:
            changes.append(Change("+", at, "", _shown(now)))
        elif now is _ABSENT:
            changes.append(Change("-", at, _shown(was), ""))
        elif at.startswith("secrets."):
            changes.append(Change("~", at, "a value", "another value"))
        else:
            changes.append(Change("~", at, _shown(was), _shown(now)))
    return tuple(changes)


def _lines(accepted: Accepted) -> Iterator[tuple[str, str]]:
    yield from _flat("", accepted.system)
    for name, pin in accepted.pins.models.items():
        package = f" of {pin.package} {pin.package_version}" if pin.package else ""
        yield f"models.{name}.file", f"sha256:{pin.digest} {format_size(pin.size_bytes)}{package}"
    for path, digest in accepted.pins.files.items():
        yield f"code/{path}", f"sha256:{digest}"
    for name, tag in accepted.pins.secrets.items():
        yield f"secrets.{name}", tag


def _flat(at: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        if value:
            yield at, ", ".join(map(_item, value))
        return
    if not isinstance(value, dict):
        yield at, _scalar(value)
        return
    if at.endswith(_ORDERED) and len(value) > 1:
        # The order of a mapping has no line of its own, and steps run in theirs.
        yield at, " > ".join(value)
    for key, inner in value.items():
        yield from _flat(f"{at}.{key}" if at else str(key), inner)


def _item(value: Any) -> str:
    """As it may stand in the file."""
    if not isinstance(value, dict):
        return _scalar(value)
    return "{" + ", ".join(f"{key}: {_scalar(inner)}" for key, inner in value.items()) + "}"


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    return str(value)


def _shown(text: str) -> str:
    """Digests at a length that people can compare; the ledger keeps them whole."""
    if text.startswith("sha256:"):
        return f"sha256:{text[7:19]}{text[71:]}"
    return "a value" if text.startswith("hmac:") else text
