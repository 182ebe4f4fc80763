"""`gateway:`: the one door of the system."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from longspan.spec.section import Section
from longspan.spec.values import duration

_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")


def _origin(text: str) -> str:
    if text != "*" and _ORIGIN.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no origin such as https://app.example or http://localhost:3000, nor *")
    return text


def _header(text: str) -> str:
    if _HEADER.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no name of a header, such as x-team")
    return text


class Cors(Section):
    """Pages of which other origins may call the gateway from a browser. Never with credentials."""

    example: ClassVar[dict[str, Any]] = {"origins": ["https://app.example"]}

    origins: Annotated[list[Annotated[str, AfterValidator(_origin)]], Field(min_length=1, max_length=100)]
    """Origins as browsers send them: scheme, host and port, lower-case, without a path. ``*`` is any."""
    headers: Annotated[list[Annotated[str, AfterValidator(_header)]], Field(max_length=100, default_factory=list)]
    """Headers that their requests may carry besides those that Longspan reads."""
    max_age: Annotated[timedelta, duration("0s", "24h")] = timedelta(minutes=10)
    """How long a browser may remember that it was allowed."""


class Gateway(Section):
    """Where the system is called."""

    example: ClassVar[dict[str, Any]] = {"port": 8080}

    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """The TCP port, on loopback. 0: a free one is chosen once, printed and kept."""
    cors: Cors | None = None
    """Which pages of other origins may call; without it, browsers let none."""
