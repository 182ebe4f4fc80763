"""How does anybody call a service or a model at the gateway?

With natural content (`Gateway.send`, `Gateway.stream`) or the Open Inference Protocol (`Gateway.infer`).
One request each, one connection each, no retry: what the gateway answers is what the caller gets.
"""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, urlsplit

import msgspec

from longspan.base.errors import LongspanError, RequestError, Unreachable
from longspan.client.connection import BODY_LIMIT_BYTES, exchange, pieces, read_whole


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer of the gateway."""

    body: bytes
    media_type: str
    request_id: str
    """The ``x-request-id`` that log lines and ``longspan logs --id`` know it by."""


class Stream:
    """An answer of the gateway as it comes: iterate once over its chunks (bytes), under ``with``.

    Iterating raises `Unreachable` when the answer is cut off.
    """

    def __init__(self, response: http.client.HTTPResponse, connection: contextlib.ExitStack) -> None:
        self.media_type = response.headers.get_content_type()
        self.request_id = response.getheader("x-request-id", "")
        self._response, self._connection = response, connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def __iter__(self) -> Iterator[bytes]:
        with self._connection:
            yield from pieces(self._response)


class Gateway:
    """Services and models at a gateway. `url`: ``http://127.0.0.1:8080``; `timeout` in seconds, for each answer.

    Methods raise `RequestError` with the status and the error text of an answer that is not 2xx, and
    `Unreachable` when there is none.
    """

    def __init__(self, url: str, *, timeout: float = 60.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise LongspanError(f"{url!r} is no address of a gateway", remedy="Write it as http://127.0.0.1:8080")
        self.url, self.timeout = url.rstrip("/"), timeout
        self._kind = http.client.HTTPConnection if parts.scheme == "http" else http.client.HTTPSConnection
        self._host, self._port, self._base = parts.hostname, parts.port, parts.path.rstrip("/")

    def send(
        self, service: str, content: bytes, *, media_type: str, accept: str = "*/*", request_id: str = ""
    ) -> Reply:
        """Natural content to a service, its whole answer back (at most 64 MiB)."""
        path = f"/v1/services/{quote(service, safe='')}"
        return self._whole("POST", path, content, _natural(media_type, accept, request_id))

    def stream(
        self, service: str, content: bytes, *, media_type: str, accept: str = "*/*", request_id: str = ""
    ) -> Stream:
        """As `send`, but the answer as it comes; `timeout` is then the longest silence."""
        path = f"/v1/services/{quote(service, safe='')}"
        headers = _natural(media_type, accept, request_id)
        with contextlib.ExitStack() as stack:
            response = stack.enter_context(
                exchange(self._connect(), "POST", self._base + path, body=content, headers=headers)
            )
            self._raise_for(response)
            return Stream(response, stack.pop_all())

    def infer(self, name: str, request: Mapping[str, Any], *, version: str = "") -> dict[str, Any]:
        """Open Inference Protocol: an inference request as JSON values to a model or service, its answer back."""
        body = msgspec.json.encode(request)
        return self._json("POST", f"{self._model(name, version)}/infer", body, {"content-type": "application/json"})

    def metadata(self, name: str, *, version: str = "") -> dict[str, Any]:
        """Open Inference Protocol: names, data types and shapes of a model or service."""
        return self._json("GET", self._model(name, version))

    def ready(self) -> bool:
        """Does the gateway answer, and does it call all that it serves ready?"""
        try:
            self._whole("GET", "/v2/health/ready", b"", {})
        except (RequestError, Unreachable):
            return False
        return True

    def _model(self, name: str, version: str) -> str:
        return f"/v2/models/{quote(name, safe='')}" + (f"/versions/{quote(version, safe='')}" if version else "")

    def _json(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        reply = self._whole(method, path, body, headers or {})
        try:
            return msgspec.json.decode(reply.body, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise LongspanError(f"the answer is no JSON object but {reply.media_type}", at=self.url + path) from error

    def _whole(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        until = time.monotonic() + self.timeout
        with exchange(self._connect(), method, self._base + path, body=body, headers=headers) as response:
            self._raise_for(response)
            whole = read_whole(response, limit_bytes=BODY_LIMIT_BYTES, until=until)
            return Reply(whole, response.headers.get_content_type(), response.getheader("x-request-id", ""))

    def _connect(self) -> http.client.HTTPConnection:
        return self._kind(self._host, self._port, timeout=self.timeout)

    def _raise_for(self, response: http.client.HTTPResponse) -> None:
        if 200 <= response.status < 300:
            return
        body = read_whole(response, limit_bytes=1 << 20, until=time.monotonic() + self.timeout)
        retry_after = response.getheader("retry-after", "")
        raise RequestError(
            response.status,
            _error_text(body) or f"{response.status} {response.reason}",
            retry_after_seconds=int(retry_after) if retry_after.isdigit() else None,
        )


def _natural(media_type: str, accept: str, request_id: str) -> dict[str, str]:
    headers = {"content-type": media_type, "accept": accept}
    return headers | {"x-request-id": request_id} if request_id else headers


def _error_text(body: bytes) -> str:
    """The text of an OIP error body, else the first words of any other."""
    try:
        return msgspec.json.decode(body, type=dict[str, str])["error"]
    except (msgspec.DecodeError, KeyError):
        return body[:500].decode(errors="replace").strip()
