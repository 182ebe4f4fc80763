"""`gateway:`: the one door of the system."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from longspan.spec.section import Section


class Gateway(Section):
    """Where the system is called."""

    example: ClassVar[dict[str, Any]] = {"port": 8080}

    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """The TCP port, on loopback. 0: a free one is chosen once, printed and kept."""
