"""The two clients behind one face, so that each test asks both: what one promises, the other keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Protocol, Self

from longspan.client import AsyncClient, AsyncStream, Client, Inference, Reply


class Streamed(Protocol):
    """What `stream` gives, sync or not."""

    media_type: str
    request_id: str

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def __iter__(self) -> Iterator[bytes]: ...


class Blocking:
    """`AsyncClient` as if it were `Client`."""

    def __init__(self, url: str, **settings: Any) -> None:
        self._runner = asyncio.Runner()
        self._runner.get_loop()
        self.inner = AsyncClient(url, **settings)
        self._lines = self.inner._lines
        self._retries = self.inner._retries

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._runner.run(self.inner.close())
        self._runner.close()

    def infer(self, *given: Any, **named: Any) -> Inference:
        return self._runner.run(self.inner.infer(*given, **named))

    def send(self, *given: Any, **named: Any) -> Reply:
        return self._runner.run(self.inner.send(*given, **named))

    def metadata(self, *given: Any, **named: Any) -> dict[str, Any]:
        return self._runner.run(self.inner.metadata(*given, **named))

    def ready(self, **named: Any) -> bool:
        return self._runner.run(self.inner.ready(**named))

    def stream(self, *given: Any, **named: Any) -> Streamed:
        return _Stream(self._runner, self._runner.run(self.inner.stream(*given, **named)))


class _Stream:
    def __init__(self, runner: asyncio.Runner, inner: AsyncStream) -> None:
        self._runner, self._inner = runner, inner
        self.media_type, self.request_id = inner.media_type, inner.request_id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._inner.close()

    def __iter__(self) -> Iterator[bytes]:
        pieces = self._inner.__aiter__()

        async def piece() -> bytes | None:
            return await anext(pieces, None)

        while (next_one := self._runner.run(piece())) is not None:
            yield next_one


KINDS: tuple[type[Client | Blocking], ...] = (Client, Blocking)
