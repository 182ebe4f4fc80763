"""What is asked, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from longspan.client.conform.server import Server
    from longspan.client.conform.subject import Subject

Level = Literal["must", "should"]
"""``must``: the protocol says so. ``should``: it leaves it open, and clients rely on it."""
Verdict = Literal["kept", "differs", "not offered", "not asked"]
"""``not offered``: an extension that the server does not name. ``not asked``: what comes first had failed."""


class Differs(Exception):
    """The promise was not kept; the text says what was seen."""


class NotOffered(Exception):
    """The server does not claim to do this."""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise. `ask` raises `Differs` or `NotOffered`; None of both: it was kept."""

    name: str
    level: Level
    promise: str
    """In one line, as the report shows it."""
    ask: Callable[[Server, Subject], None]
    of_model: bool = True
    """Is it about a model? Else about the server, and `Subject` is nobody."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one check of one model (empty: of the server)."""

    check: str
    level: Level
    promise: str
    model: str
    verdict: Verdict
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All answers."""

    url: str
    server: str
    """Its own name and version, as ``GET /v2`` tells them."""
    answers: tuple[Answer, ...]

    @property
    def conforms(self) -> bool:
        """Was each *must* kept that was asked, and was there something to ask?"""
        musts = [answer for answer in self.answers if answer.level == "must"]
        return bool(musts) and all(answer.verdict in ("kept", "not offered") for answer in musts)
