"""An error as the answer to a request.

One that a replica gives because it leaves is marked: no step has begun, so the gateway sends the request to another
replica, or to the next one, and no client hears of it. The mark is made here and nowhere else. What a step raises
never bears it, for only we know what has begun.
"""

from __future__ import annotations

from typing import Any

from longspan.base.errors import RequestError
from longspan.serving.admission import Going
from longspan.wire import http1, oip

JSON = b"application/json"
_NOT_BEGUN = http1.header(http1.NOT_BEGUN, b"1")


def refusal(error: RequestError, *, keep_alive: bool, extra: bytes = b"") -> bytes:
    """The whole answer that says so."""
    if error.retry_after_seconds is not None:
        extra += http1.header(b"retry-after", b"%d" % error.retry_after_seconds)
    if isinstance(error, Going):
        extra += _NOT_BEGUN
    return http1.response(error.status, JSON, oip.error_body(error.problem), keep_alive=keep_alive, extra=extra)


def told_as(error: RequestError) -> Exception:
    """What a step has raised, unless no answer can be made of that: then what is wrong with it."""
    said: tuple[Any, ...] = (error.status, error.problem, error.retry_after_seconds)
    status, problem, seconds = said
    if isinstance(error, Going):
        return ValueError(f"an error that only a replica may raise: {problem!r}")
    if not isinstance(status, int) or not 400 <= status <= 599:
        return ValueError(f"a RequestError of status {status!r}, which must be 400 to 599: {problem!r}")
    if not isinstance(problem, str):
        return ValueError(f"a RequestError whose problem is no text: {problem!r}")
    if seconds is not None and (not isinstance(seconds, int) or seconds < 0):
        return ValueError(f"a RequestError whose retry_after_seconds is {seconds!r}, which must be a whole number")
    return error
