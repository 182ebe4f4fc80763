"""`limits:`: how much of a service one caller, or all of them, may take."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field

from longspan.spec.section import Section
from longspan.spec.values import duration, size


class Limits(Section):
    """Bounds of one service; what is beyond them is refused at once, in words."""

    example: ClassVar[dict[str, Any]] = {"body": "16MiB", "queue": 256, "time": "30s"}

    body: Annotated[int, size("1KiB", "1GiB")] = 16 << 20
    """The largest request body. The gateway holds a body whole while it may have to send it again."""
    queue: Annotated[int, Field(ge=1, le=65_536)] = 256
    """Requests of one replica that may wait; one more is answered 503 with Retry-After. Fewer may, where requests have
    waited for longer than two seconds: then what would wait for long is refused at once."""
    time: Annotated[timedelta, duration("10ms", "1h")] = timedelta(seconds=30)
    """How long a request may take, waiting included, before it is answered 504."""
    fan_out: Annotated[int, Field(ge=1, le=65_536)] = 1024
    """Rows (`batch`) that a step may make of one request; one that makes more is answered 413."""
