"""How does an asyncio program call services and models at a gateway? As with `sync`, and ``await``."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from longspan.base.errors import LongspanError, RequestError, Unreachable
from longspan.client import address, questions
from longspan.client.aline import Line, Lines
from longspan.client.questions import ANSWER_BYTES, REFUSAL_BYTES, Answer, Inference, Question, Questions, Reply
from longspan.client.retries import DEFAULT, Cut, Retries, Retry

if TYPE_CHECKING:
    import ssl

    from longspan.wire.tensors import Tensor

_Read = TypeVar("_Read")


class AsyncClient:
    """Services and models at a gateway, over kept connections. For one event loop at a time; close it at the end.

    ::

        async with AsyncClient("http://127.0.0.1:8080") as client:
            result = await client.infer("iris", {"flower": np.array([[5.1, 3.5, 1.4, 0.2]], np.float32)})

    What each method takes, gives and raises is told in `sync.Client`. A call that is cancelled closes its connection.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 60.0,
        retry: Retry | None = DEFAULT,
        connections: int = 64,
        answer_bytes: int = ANSWER_BYTES,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """As for `sync.Client`."""
        where = address.read(url)
        self.url, self.timeout = where.url, timeout
        self._questions, self._retries = Questions(where), Retries(retry)
        self._lines = Lines(where, connections, answer_bytes, tls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the idle connections. The client may be used again."""
        self._lines.close()
        # Transports tell their loop in its next turn.
        await asyncio.sleep(0)

    async def infer(
        self,
        name: str,
        inputs: Mapping[str, Tensor],
        *,
        version: str = "",
        outputs: Iterable[str] = (),
        binary: bool = True,
        repeatable: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - it goes to the gateway too
        request_id: str = "",
    ) -> Inference:
        """Arrays by name to a model or service, arrays by name back."""
        asked = self._questions.inference(
            name, inputs, version, outputs, request_id, binary=binary, repeatable=repeatable
        )
        return await self._ask(asked, timeout, self._questions.inferred)

    async def send(
        self,
        service: str,
        content: bytes,
        *,
        media_type: str = "application/octet-stream",
        accept: str = "*/*",
        repeatable: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109
        request_id: str = "",
    ) -> Reply:
        """Natural content to a service, its whole answer back."""
        asked = self._questions.content(service, content, media_type, accept, request_id, repeatable=repeatable)
        return await self._ask(asked, timeout, self._questions.reply)

    async def stream(
        self,
        service: str,
        content: bytes,
        *,
        media_type: str = "application/octet-stream",
        accept: str = "*/*",
        timeout: float | None = None,  # noqa: ASYNC109
        request_id: str = "",
    ) -> AsyncStream:
        """As `send`, but the answer as it comes. `timeout`: until it begins, and then the longest silence."""
        asked = self._questions.content(service, content, media_type, accept, request_id, repeatable=False)
        seconds = self.timeout if timeout is None else timeout
        line = await self._tried(asked, seconds, self._begun)
        return AsyncStream(line, self._lines, seconds)

    async def metadata(self, name: str, *, version: str = "", timeout: float | None = None) -> dict[str, Any]:  # noqa: ASYNC109
        """Names, data types and shapes of a model or service, as the Open Inference Protocol tells them."""
        return await self._ask(self._questions.metadata(name, version), timeout, self._questions.described)

    async def ready(self, *, timeout: float | None = None) -> bool:  # noqa: ASYNC109
        """Does the gateway answer, and does it call all that it serves ready? Asked once, never again."""
        try:
            async with asyncio.timeout(seconds := self.timeout if timeout is None else timeout):
                answer = await self._once(self._questions.ready(), time.monotonic() + seconds)
            self._questions.reply(answer)
        except (RequestError, Unreachable, TimeoutError):
            return False
        return True

    # How it is carried -------------------------------------------------------------------------------------

    async def _ask(self, asked: Question, timeout: float | None, read: Callable[[Answer], _Read]) -> _Read:  # noqa: ASYNC109
        async def attempt(asked: Question, until: float) -> _Read:
            return read(await self._once(asked, until))

        return await self._tried(asked, self.timeout if timeout is None else timeout, attempt)

    async def _tried(
        self, asked: Question, seconds: float, attempt: Callable[[Question, float], Awaitable[_Read]]
    ) -> _Read:
        self._retries.called()
        until, number = time.monotonic() + seconds, 1
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        return await attempt(asked, until)
                    except LongspanError as error:
                        left = until - time.monotonic()
                        pause = self._retries.wait(error, number, left, repeatable=asked.repeatable)
                        if pause is None:
                            raise
                    await asyncio.sleep(pause)
                    number += 1
        except TimeoutError as error:
            raise Unreachable("did not answer in time", at=self.url) from error

    async def _once(self, asked: Question, until: float) -> Answer:
        line = await self._asked(asked, until, collect=True)
        reader = line.reader
        answer = Answer(reader.status, reader.fields, reader.take())
        self._lines.leave(line)
        return answer

    async def _begun(self, asked: Question, until: float) -> Line:
        """A connection on which the answer has begun, with 2xx."""
        line = await self._asked(asked, until, collect=False)
        try:
            reader = line.reader
            if not 200 <= reader.status < 300:
                self._questions.refused(reader.status, reader.fields, await _some(line))
            self._questions.refused(reader.status, reader.fields, b"")
        except BaseException:
            self._lines.leave(line)
            raise
        return line

    async def _asked(self, asked: Question, until: float, *, collect: bool) -> Line:
        """A connection, in this client's hands, on which the answer has come."""
        lines = self._lines
        await lines.enter()
        line = None
        try:
            if (line := lines.kept()) is not None:
                try:
                    await line.ask(asked.parts(until - time.monotonic()), collect=collect)
                    return line
                except Cut as cut:
                    # Most likely it had been closed when we wrote. Who can tell whether the request was read?
                    if not (asked.repeatable and cut.untouched):
                        raise
                    line.close()
                    line = None
            line = await lines.opened()
            await line.ask(asked.parts(until - time.monotonic()), collect=collect)
        except BaseException:
            if line is not None:
                line.close()
            lines.leave(None)
            raise
        return line


class AsyncStream:
    """An answer as it comes: iterate once over its pieces (bytes), under ``async with``; leaving early closes it.

    Iterating raises `Unreachable` when the answer is cut off, or silent for too long.
    """

    def __init__(self, line: Line, lines: Lines, silence: float) -> None:
        fields = line.reader.fields
        self.media_type, self.request_id = questions.media_type(fields), questions.request_id(fields)
        self._line: Line | None = line
        self._lines, self._silence = lines, silence
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while (line := self._line) is not None:
                try:
                    async with asyncio.timeout(self._silence):
                        piece = await line.more()
                except TimeoutError as error:
                    raise Unreachable("was silent for too long", at=self._lines.url) from error
                if not piece:
                    return
                yield piece
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the connection: it is used again when the answer is whole, else closed."""
        line, self._line = self._line, None
        if line is not None:
            self._lines.leave(line)

    def __del__(self) -> None:
        if self._line is not None:
            # Any thread may collect it, and only the loop's own may close it. A closed loop has closed all.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._lines.leave, self._line)


async def _some(line: Line) -> bytes:
    """The body of a refusal, or enough of it."""
    body = b""
    while len(body) < REFUSAL_BYTES and (piece := await line.more()):
        body += piece
    return body
