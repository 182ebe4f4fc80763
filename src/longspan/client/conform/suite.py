"""All promises, asked one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from longspan.base.errors import Unreachable
from longspan.client.conform.describing import OF_MODEL, OF_SERVER
from longspan.client.conform.inferring import INFERRING
from longspan.client.conform.refusing import REFUSING
from longspan.client.conform.server import Server, model_path
from longspan.client.conform.subject import Metadata, Subject
from longspan.client.conform.values import Answer, Check, Differs, NotOffered, Report, Verdict

CHECKS: tuple[Check, ...] = (*OF_SERVER, *OF_MODEL, *INFERRING, *REFUSING)
"""In the order in which they are asked."""


def examine(server: Server, models: Sequence[str], shapes: Mapping[str, Sequence[int]] | None = None) -> Report:
    """Ask about the server, then about each of the models. `shapes`: input -> the shape to send.

    Raises `Unreachable` when there is no server at all.
    """
    about = _about(server)
    answers = [_ask(check, server, Subject()) for check in CHECKS if not check.of_model]
    for model in models:
        subject = _subject(server, model, shapes or {})
        answers += [_ask(check, server, subject) for check in CHECKS if check.of_model]
    return Report(server.url, about, tuple(answers))


def ask(check: Check, server: Server, model: str = "", shapes: Mapping[str, Sequence[int]] | None = None) -> Answer:
    """One promise alone. `model`: whom it is about, if it is about one."""
    return _ask(check, server, _subject(server, model, shapes or {}) if check.of_model else Subject())


def _ask(check: Check, server: Server, subject: Subject) -> Answer:
    verdict, seen = _seen(check, server, subject)
    return Answer(check.name, check.level, check.promise, subject.name, verdict, seen)


def _seen(check: Check, server: Server, subject: Subject) -> tuple[Verdict, str]:
    if check.of_model and check.name != "metadata" and subject.metadata is None:
        return "not asked", "its metadata could not be read"
    try:
        check.ask(server, subject)
    except Differs as differs:
        return "differs", str(differs)
    except NotOffered:
        return "not offered", ""
    except Unreachable as gone:
        return "differs", f"no answer: {gone.problem}"
    return "kept", ""


def _about(server: Server) -> str:
    document = dict(_quietly(server, "/v2", raises=True))
    return " ".join(str(document[key])[:60] for key in ("name", "version") if key in document)


def _subject(server: Server, model: str, shapes: Mapping[str, Sequence[int]]) -> Subject:
    extensions = dict(_quietly(server, "/v2")).get("extensions")
    try:
        metadata = msgspec.convert(dict(_quietly(server, model_path(model))), Metadata)
    except msgspec.ValidationError:
        metadata = None
    named = tuple(map(str, extensions)) if isinstance(extensions, list) else ()
    return Subject(model, metadata, named, shapes)


def _quietly(server: Server, path: str, *, raises: bool = False) -> Iterator[tuple[str, object]]:
    """The members of a JSON object, none when there is no such thing: the checks say what is wrong with it."""
    try:
        yield from server.request("GET", path).json().items()
    except Differs:
        return
    except Unreachable:
        if raises:
            raise
