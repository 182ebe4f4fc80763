"""What is sent for each call, and what is made of its answer? Pure; `sync` and `aio` carry it.

Nothing is believed of an answer before it has been looked at: what is no answer of a gateway is `Unreachable`, what
the gateway refuses is `RequestError` with its status, its words and its Retry-After.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from longspan import __version__
from longspan.base.errors import RequestError, Unreachable
from longspan.client.address import Address
from longspan.wire import http1
from longspan.wire.answers import Body

if TYPE_CHECKING:
    from longspan.wire.tensors import Tensor

ANSWER_BYTES = 64 << 20
"""Most that an answer may hold where the caller names no other limit."""

REFUSAL_BYTES = 1 << 20
"""Most that is read of a refusal in the place of a stream."""

_AGENT = f"user-agent: longspan/{__version__}\r\n".encode()
_HEADER_LENGTH = b"inference-header-content-length"
_JSON = b"content-type: application/json\r\n"
_BINARY = b"content-type: application/octet-stream\r\n" + _HEADER_LENGTH + b": %d\r\n"
_MOST_SECONDS = 10**9 - 1
_LONGEST_QUOTE = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer of the gateway."""

    body: bytes
    media_type: str
    request_id: str
    """The ``x-request-id`` that log lines and ``longspan logs --id`` know it by."""


@dataclass(frozen=True, slots=True)
class Inference:
    """The answer to an inference request."""

    outputs: dict[str, Tensor]
    """Arrays by name; read-only. BYTES are arrays of objects, each `bytes`."""
    model: str
    version: str
    request_id: str
    """The ``x-request-id`` that log lines and ``longspan logs --id`` know it by."""


class Question(msgspec.Struct, frozen=True):
    """A request, whole but for the time that is left when it is sent."""

    head: bytes
    body: Sequence[Body]
    repeatable: bool
    """Does it no harm to send it twice?"""

    def parts(self, left_seconds: float) -> list[Body]:
        """What is sent. The other side is told how long anybody will wait, and need not work for longer."""
        left = max(1, int(min(_MOST_SECONDS, left_seconds) * 1000))
        head = b"%blongspan-timeout-ms: %d\r\n\r\n" % (self.head, left)
        return [head, *self.body]


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    fields: dict[bytes, bytes]
    body: Body


class Questions:
    """All that may be asked at one address."""

    def __init__(self, address: Address) -> None:
        self._base, self.url = address.base, address.url
        self._tail = b" HTTP/1.1\r\n" + address.head + _AGENT

    def content(
        self, service: str, content: bytes, media_type: str, accept: str, request_id: str, *, repeatable: bool
    ) -> Question:
        """Natural content to a service. Raises `RequestError` 400 for what no header can hold and for no bytes."""
        lines = _line(b"content-type", media_type) + _line(b"accept", accept) + _id(request_id)
        return self._post(f"/v1/services/{_quoted(service)}", lines, [_bytes(content)], repeatable=repeatable)

    def inference(
        self,
        name: str,
        inputs: Mapping[str, Tensor],
        version: str,
        outputs: Iterable[str],
        request_id: str,
        *,
        binary: bool,
        repeatable: bool,
    ) -> Question:
        """An inference request. Raises `RequestError` 400 for arrays that the protocol cannot hold."""
        from longspan.wire.oip import untyped  # numpy is for those who have arrays

        try:
            parts = untyped.encode(inputs, outputs, binary=binary)
        except ValueError as error:
            raise RequestError(400, str(error)) from None
        lines = (_BINARY % len(parts[0]) if binary else _JSON) + _id(request_id)
        return self._post(f"{_model(name, version)}/infer", lines, parts, repeatable=repeatable)

    def metadata(self, name: str, version: str) -> Question:
        return self._get(_model(name, version))

    def ready(self) -> Question:
        return self._get("/v2/health/ready")

    def _post(self, path: str, lines: bytes, body: Sequence[Body], *, repeatable: bool) -> Question:
        start = f"POST {self._base}{path}".encode()
        length = sum(map(len, body))
        return Question(b"%b%bcontent-length: %d\r\n%b" % (start, self._tail, length, lines), body, repeatable)

    def _get(self, path: str) -> Question:
        return Question(f"GET {self._base}{path}".encode() + self._tail, (), repeatable=True)

    # Answers -----------------------------------------------------------------------------------------------

    def reply(self, answer: Answer) -> Reply:
        """Raises `RequestError`, `Unreachable`."""
        self.refused(answer.status, answer.fields, answer.body)
        return Reply(bytes(answer.body), media_type(answer.fields), request_id(answer.fields))

    def inferred(self, answer: Answer) -> Inference:
        """Raises `RequestError`, `Unreachable`."""
        from longspan.wire.oip import untyped

        fields = answer.fields
        self.refused(answer.status, fields, answer.body)
        length = fields.get(_HEADER_LENGTH)
        try:
            if length is not None and (not length.isdigit() or len(length) > 18):
                raise ValueError(f"inference-header-content-length is {length[:40]!r}")
            answered = untyped.decode(answer.body, None if length is None else int(length))
        except ValueError as error:
            raise Unreachable(f"the answer is no inference: {error}", at=self.url) from None
        return Inference(answered.outputs, answered.model, answered.version, request_id(fields))

    def described(self, answer: Answer) -> dict[str, Any]:
        """Raises `RequestError`, `Unreachable`."""
        self.refused(answer.status, answer.fields, answer.body)
        try:
            return msgspec.json.decode(answer.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            came = media_type(answer.fields)
            raise Unreachable(f"the answer is no JSON object but {came}", at=self.url) from None

    def refused(self, status: int, fields: Mapping[bytes, bytes], body: Body) -> None:
        """Raises `RequestError` for an answer that is not 2xx, `Unreachable` for one in an encoding."""
        if fields.get(b"content-encoding", b"identity").lower() != b"identity":
            encoding = fields[b"content-encoding"][:40].decode("latin-1")
            raise Unreachable(f"the answer has content-encoding {encoding}, which nobody asked for", at=self.url)
        if 200 <= status < 300:
            return
        after = fields.get(b"retry-after", b"")
        reason = http1.reason(status).decode()
        raise RequestError(
            status,
            _error_text(body) or f"{status} {reason}".strip(),
            retry_after_seconds=int(after) if after.isdigit() and len(after) < 10 else None,
        )


def media_type(fields: Mapping[bytes, bytes]) -> str:
    """Of an answer, without its parameters; ``text/plain`` where it is none."""
    media = fields.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
    return media if media.count("/") == 1 else "text/plain"


def request_id(fields: Mapping[bytes, bytes]) -> str:
    return fields.get(b"x-request-id", b"").decode("latin-1")


def _model(name: str, version: str) -> str:
    return f"/v2/models/{_quoted(name)}" + (f"/versions/{_quoted(version)}" if version else "")


def _quoted(name: str) -> str:
    return quote(name, safe="", errors="replace")


def _id(request_id: str) -> bytes:
    return _line(b"x-request-id", request_id) if request_id else b""


def _bytes(content: Body) -> Body:
    """Of something like bytes its bytes: an array's length counts elements, and would end the request too early."""
    if isinstance(content, bytes):
        return content
    try:
        return memoryview(content).cast("B")
    except TypeError:
        raise RequestError(400, f"the content is {type(content).__name__}, must be bytes") from None


def _line(name: bytes, value: str) -> bytes:
    try:
        return http1.header(name, value.encode("latin-1"))
    except ValueError as error:
        raise RequestError(400, f"header {name.decode()} cannot be {value[:80]!r}: {error}") from None


def _error_text(body: Body) -> str:
    """The text of an OIP error body, else the first words of any other."""
    try:
        return msgspec.json.decode(body, type=dict[str, str])["error"]
    except (msgspec.DecodeError, KeyError, UnicodeDecodeError, RecursionError):
        return bytes(body[:_LONGEST_QUOTE]).decode(errors="replace").strip()
