"""How does a program call services and models at a gateway, one call after the other or from several threads?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from longspan.base.errors import LongspanError, RequestError, Unreachable
from longspan.client import address, questions
from longspan.client.line import Line, Lines
from longspan.client.questions import ANSWER_BYTES, REFUSAL_BYTES, Answer, Inference, Question, Questions, Reply
from longspan.client.retries import DEFAULT, Cut, Retries, Retry

if TYPE_CHECKING:
    import ssl

    from longspan.wire.tensors import Tensor

_Read = TypeVar("_Read")


class Client:
    """Services and models at a gateway, over kept connections. May be shared by threads; close it at the end.

    ::

        with Client("http://127.0.0.1:8080") as client:
            result = client.infer("iris", {"flower": np.array([[5.1, 3.5, 1.4, 0.2]], np.float32)})
            result.outputs["species"]

    Methods raise `RequestError` with the status, the words and the Retry-After of an answer that is not 2xx (also for
    arrays that cannot be sent), and `Unreachable` when there is no answer, or none that a gateway would give.
    `timeout`, in seconds, is for the whole of a call: connecting, waiting, every attempt; the gateway is told what is
    left of it.
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
        """`url`: ``http://``, ``https://`` or ``unix:PATH``. `retry`: None for never. `connections`: at most at a time.

        `answer_bytes`: largest answer that is held; of a stream, nothing is. `tls`: whom to trust and as whom to come,
        for ``https://``; else the machine's certificates decide. Raises `LongspanError` for a bad `url`.
        """
        where = address.read(url)
        self.url, self.timeout = where.url, timeout
        self._questions, self._retries = Questions(where), Retries(retry)
        self._lines = Lines(where, connections, answer_bytes, tls)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the idle connections. The client may be used again."""
        self._lines.close()

    def infer(
        self,
        name: str,
        inputs: Mapping[str, Tensor],
        *,
        version: str = "",
        outputs: Iterable[str] = (),
        binary: bool = True,
        repeatable: bool = False,
        timeout: float | None = None,
        request_id: str = "",
    ) -> Inference:
        """Arrays by name to a model or service, arrays by name back (Open Inference Protocol).

        The arrays' own data types are sent; BYTES are arrays of objects (`bytes`), or of text. `outputs`: those that
        are wanted; all when none is named. `binary`: false sends and asks for JSON. `repeatable`: it does no harm if
        it runs twice, so it is tried again also after a connection that was cut.
        """
        asked = self._questions.inference(
            name, inputs, version, outputs, request_id, binary=binary, repeatable=repeatable
        )
        return self._ask(asked, timeout, self._questions.inferred)

    def send(
        self,
        service: str,
        content: bytes,
        *,
        media_type: str = "application/octet-stream",
        accept: str = "*/*",
        repeatable: bool = False,
        timeout: float | None = None,
        request_id: str = "",
    ) -> Reply:
        """Natural content to a service, its whole answer back. `repeatable`: see `infer`."""
        asked = self._questions.content(service, content, media_type, accept, request_id, repeatable=repeatable)
        return self._ask(asked, timeout, self._questions.reply)

    def stream(
        self,
        service: str,
        content: bytes,
        *,
        media_type: str = "application/octet-stream",
        accept: str = "*/*",
        timeout: float | None = None,
        request_id: str = "",
    ) -> Stream:
        """As `send`, but the answer as it comes. `timeout`: until it begins, and then the longest silence."""
        asked = self._questions.content(service, content, media_type, accept, request_id, repeatable=False)
        seconds = self.timeout if timeout is None else timeout
        until = time.monotonic() + seconds
        line = self._tried(asked, until, lambda: self._begun(asked, until))
        return Stream(line, self._lines, seconds)

    def metadata(self, name: str, *, version: str = "", timeout: float | None = None) -> dict[str, Any]:
        """Names, data types and shapes of a model or service, as the Open Inference Protocol tells them."""
        return self._ask(self._questions.metadata(name, version), timeout, self._questions.described)

    def ready(self, *, timeout: float | None = None) -> bool:
        """Does the gateway answer, and does it call all that it serves ready? Asked once, never again."""
        until = time.monotonic() + (self.timeout if timeout is None else timeout)
        try:
            self._questions.reply(self._once(self._questions.ready(), until))
        except (RequestError, Unreachable):
            return False
        return True

    # How it is carried -------------------------------------------------------------------------------------

    def _ask(self, asked: Question, timeout: float | None, read: Callable[[Answer], _Read]) -> _Read:
        until = time.monotonic() + (self.timeout if timeout is None else timeout)
        return self._tried(asked, until, lambda: read(self._once(asked, until)))

    def _tried(self, asked: Question, until: float, attempt: Callable[[], _Read]) -> _Read:
        self._retries.called()
        number = 1
        while True:
            try:
                return attempt()
            except LongspanError as error:
                left = until - time.monotonic()
                pause = self._retries.wait(error, number, left, repeatable=asked.repeatable)
                if pause is None:
                    raise
            time.sleep(pause)
            number += 1

    def _once(self, asked: Question, until: float) -> Answer:
        line = self._asked(asked, until, collect=True)
        reader = line.reader
        answer = Answer(reader.status, reader.fields, reader.take())
        self._lines.leave(line)
        return answer

    def _begun(self, asked: Question, until: float) -> Line:
        """A connection on which the answer has begun, with 2xx."""
        line = self._asked(asked, until, collect=False)
        try:
            reader = line.reader
            if not 200 <= reader.status < 300:
                self._questions.refused(reader.status, reader.fields, _some(line, until))
            self._questions.refused(reader.status, reader.fields, b"")
        except BaseException:
            self._lines.leave(line)
            raise
        return line

    def _asked(self, asked: Question, until: float, *, collect: bool) -> Line:
        """A connection, in this client's hands, on which the answer has come."""
        lines = self._lines
        lines.enter(until)
        line = None
        try:
            if (line := lines.kept()) is not None:
                try:
                    line.ask(asked.parts(until - time.monotonic()), until, collect=collect)
                    return line
                except Cut as cut:
                    # Most likely it had been closed when we wrote. Who can tell whether the request was read?
                    if not (cut.unsent or (asked.repeatable and cut.untouched)):
                        raise
                    line.close()
                    line = None
            line = lines.opened(until)
            line.ask(asked.parts(until - time.monotonic()), until, collect=collect)
        except BaseException:
            if line is not None:
                line.close()
            lines.leave(None)
            raise
        return line


class Stream:
    """An answer as it comes: iterate once over its pieces (bytes), under ``with``. Leaving early closes the connection.

    Iterating raises `Unreachable` when the answer is cut off, or silent for too long.
    """

    def __init__(self, line: Line, lines: Lines, silence: float) -> None:
        fields = line.reader.fields
        self.media_type, self.request_id = questions.media_type(fields), questions.request_id(fields)
        self._line: Line | None = line
        self._lines, self._silence = lines, silence

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        try:
            while (line := self._line) is not None and (piece := line.more(time.monotonic() + self._silence)):
                yield piece
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the connection: it is used again when the answer is whole, else closed."""
        line, self._line = self._line, None
        if line is not None:
            self._lines.leave(line)

    def __del__(self) -> None:
        self.close()


def _some(line: Line, until: float) -> bytes:
    """The body of a refusal, or enough of it."""
    body = b""
    while len(body) < REFUSAL_BYTES and (piece := line.more(until)):
        body += piece
    return body
