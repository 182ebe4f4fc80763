"""``${env:NAME}``: a value that comes from the environment when a replica starts.

The file, the ledger and a plan hold the name only. It stands alone as a value inside ``with:`` (see
`agree`); in a worker's orders it is ``{"$env": "NAME"}``, and the value goes over a descriptor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from longspan.spec.system import System

MARK = "${env:"
_SECRET = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]{0,127})\}")


def secret_name(value: str) -> str | None:
    """``"${env:TOKEN}"`` -> ``"TOKEN"``; None for any other text."""
    match = _SECRET.fullmatch(value)
    return match[1] if match else None


def names(system: System) -> tuple[str, ...]:
    """Names of all environment variables that the system uses, sorted."""
    found = {
        name
        for service in system.services.values()
        for step in service.steps.values()
        for name in within(step.settings)
    }
    return tuple(sorted(found))


def within(value: Any) -> Iterator[str]:
    """Names of the secrets in a value of ``with:``, however deep."""
    if isinstance(value, str):
        if name := secret_name(value):
            yield name
    elif isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from within(child)


def marked(value: Any) -> Any:
    """The value with each secret as ``{"$env": "NAME"}``, the form of a worker's orders."""
    if isinstance(value, str):
        name = secret_name(value)
        return {"$env": name} if name else value
    if isinstance(value, dict):
        return {key: marked(child) for key, child in value.items()}
    return [marked(child) for child in value] if isinstance(value, list) else value
