"""Do the parts of the file agree with each other?

Rules that look at more than one value: names that must exist or be unique, keys that exclude each other,
where a secret may stand. They read the plain values, so that they hold even where a section is otherwise
wrong: all complaints at once. Whether steps fit each other needs signatures; see `fits`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from longspan.spec import servers
from longspan.spec.gateway import Gateway
from longspan.spec.models import PACKAGE
from longspan.spec.places import Finding, Path
from longspan.spec.secrets import MARK, secret_name
from longspan.spec.services import EXCLUSIVE
from longspan.spec.sockets import TAKEN
from longspan.spec.steps import KINDS, Step
from longspan.spec.words import did_you_mean


def findings(data: Any) -> Iterator[Finding]:
    """All that does not agree in the values of a file. Anything may come in."""
    yield from _empties(data, ())
    if not isinstance(data, dict):
        return
    models, services = _mapping(data, "models"), _mapping(data, "services")
    if not any(key in data and data[key] != {} for key in ("models", "services")):
        remedy = 'Add services: {hello: {steps: {greet: {run: "steps:greet"}}}}, or models.'
        yield Finding((), "has neither services nor models, so nothing would run", remedy)
    yield from _names(services, models)
    gateway_port = _mapping(data, "gateway").get("port", Gateway().port)
    for name in models:
        yield from _model(_mapping(models, name), ("models", name))
    for name in services:
        service = _mapping(services, name)
        steps = _mapping(service, "steps")
        for step, value in steps.items():
            if isinstance(value, dict):
                at = ("services", name, "steps", step)
                yield from _step(value, at, list(models))
                yield from _exclusive(value, at)
                yield from servers.findings(value, at, gateway_port)
        yield from _exclusive(service, ("services", name))
        yield from _natural(service, ("services", name))
    yield from _secrets(data, ())


def _exclusive(section: dict[str, Any], path: Path) -> Iterator[Finding]:
    for one, (other, remedy) in EXCLUSIVE.items():
        if one in section and other in section:
            yield Finding((*path, other), f"cannot stand beside {one}", remedy, of_key=True)


def _names(services: dict[str, Any], models: dict[str, Any]) -> Iterator[Finding]:
    for name in services:
        if name in models:
            remedy = "Both are called by their names, so give one of them another."
            yield Finding(("services", name), "has the name of a model", remedy, of_key=True)
    for section, names in (("services", services), ("models", models)):
        for name in names:
            if name in TAKEN:
                problem = "has a name that the house needs for the files of its gateway"
                yield Finding((section, name), problem, "Give it another name.", of_key=True)


def _empties(value: Any, path: Path) -> Iterator[Finding]:
    """Keys without a value. Inside ``with:`` an empty value is a value."""
    if value is None:
        yield Finding(path, "is empty", "Give it a value, or take the key out.")
    elif isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            if not _settings((*path, key)):
                yield from _empties(child, (*path, key))
            elif child is None:
                yield Finding((*path, key), "is empty", "Give it a value, or take the key out.")


def _model(model: dict[str, Any], path: Path) -> Iterator[Finding]:
    source = model.get("path")
    if "package_version" in model and isinstance(source, str) and not source.startswith(PACKAGE):
        remedy = "Take it out, or pin the file by its digest."
        yield Finding((*path, "package_version"), f"is for a path that begins with {PACKAGE}", remedy, of_key=True)


def _step(step: dict[str, Any], path: Path, models: list[str]) -> Iterator[Finding]:
    model, known = step.get("model"), Step.keys()
    if not any(kind in step for kind in KINDS) and all(key in known for key in step):
        remedy = "Add model: NAME, run: MODULE:NAME, or the command: of a server."
        yield Finding(path, "has neither model nor run", remedy, of_key=True)
    elif isinstance(model, str) and model not in models:
        yield Finding((*path, "model"), f"names no model of this file: {model}", did_you_mean(model, models))
    if "model" in step and "run" not in step:
        if "repeatable" in step:
            yield Finding((*path, "repeatable"), "is for run: models always are", "Take it out.", of_key=True)
        if "with" in step:
            yield Finding((*path, "with"), "is for run: a model has no settings", "Take it out.", of_key=True)


def _natural(service: dict[str, Any], path: Path) -> Iterator[Finding]:
    """Natural content goes in and comes out, or neither."""
    for one, other, example in (
        ("accepts", "answers", "{application/json: STEP.OUTPUT}"),
        ("answers", "accepts", '{"*/*": STEP.INPUT}'),
    ):
        if one in service and other not in service:
            remedy = f"Add {other}: {example}."
            yield Finding((*path, one), f"is of no use without {other}", remedy, of_key=True)


def _secrets(value: Any, path: Path) -> Iterator[Finding]:
    """``${env:NAME}`` stands alone, and only inside ``with:``."""
    if isinstance(value, dict):
        for key, child in value.items():
            if MARK in key or (key == "$env" and _settings(path)):
                remedy = "Write it as a value of with: NAME_OF_THE_SETTING: ${env:NAME}."
                yield Finding((*path, key), "is no way to name a secret", remedy, of_key=True)
            yield from _secrets(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _secrets(child, (*path, index))
    elif isinstance(value, str) and MARK in value:
        if not _settings(path):
            remedy = "Hand it to a class by the with: of its step; nothing else may hold a secret."
            if len(path) >= 5 and (path[0], path[2], path[4]) == ("services", "steps", "command"):
                # What stands among a program's arguments everybody on the machine can read.
                remedy = "A server is handed no secrets: let it read them from a file that only this user may read."
            yield Finding(path, "has a secret, which may stand only inside with:", remedy)
        elif secret_name(value) is None:
            remedy = "Write ${env:NAME} and nothing else; the class can put it together with other text."
            yield Finding(path, "mixes a secret with other text, or names none", remedy)


def _settings(path: Path) -> bool:
    """Does `path` lead to a step's ``with:`` or into it?"""
    return len(path) >= 5 and (path[0], path[2], path[4]) == ("services", "steps", "with")


def _mapping(data: dict[str, Any], key: str) -> dict[str, Any]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}
