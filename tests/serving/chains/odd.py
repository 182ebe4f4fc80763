"""Steps that answer, and fail, as no step should."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from longspan import Json, Shape
from longspan.base.errors import RequestError
from longspan.serving.admission import Going

ERRORS: dict[bytes, Callable[[], BaseException]] = {
    b"half a letter": lambda: ValueError("\udcff"),
    b"half a letter, meant": lambda: RequestError(422, "\udcff"),
    b"no status": lambda: _refusal(0),
    b"an interim status": lambda: _refusal(100),
    b"a good status": lambda: _refusal(200),
    b"a text as status": lambda: _refusal("400"),
    b"no text": lambda: _refusal(422, object()),
    b"a text as time": lambda: _refusal(503, seconds="soon"),
    b"less than no time": lambda: _refusal(503, seconds=-1),
    b"a replica's": lambda: Going("fail"),
    b"mute": lambda: Mute("x"),
    b"keyboard": KeyboardInterrupt,
    b"exit": SystemExit,
    b"closed": GeneratorExit,
    b"stop": StopIteration,
}


class Mute(Exception):
    """Whoever asks it what happened gets another error."""

    def __str__(self) -> str:
        raise TypeError("not telling")


def _refusal(status: Any, problem: Any = "no", seconds: Any = None) -> RequestError:
    return RequestError(status, problem, retry_after_seconds=seconds)


def fail(content: bytes) -> bytes:
    error = ERRORS[content]()
    raise error


async def later(content: bytes) -> bytes:
    error = ERRORS[content]()
    raise error


async def stream(content: bytes) -> AsyncIterator[Json]:
    yield 1
    error = ERRORS[content]()
    raise error


def weigh(content: bytes) -> bytes:
    """Fails, whatever comes, and says little."""
    raise ValueError(len(content))


async def weigh_later(content: bytes) -> bytes:
    return weigh(content)


async def interrupt_rows(
    rows: Annotated[NDArray[np.float32], Shape("batch", 4)],
) -> Annotated[NDArray[np.float32], Shape("batch", 4)]:
    raise KeyboardInterrupt
