"""The server that is asked: one request, its status, headers and body. Bounded in time and size; no retry."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from longspan.base.errors import LongspanError
from longspan.client.conform.values import Differs
from longspan.client.connection import UnixConnection, exchange, read_whole

MOST_BYTES = 64 << 20
_UNIX = "unix:"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body. Raises `Differs` when it is no JSON object."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Differs(f"{self.status} with a body that is no JSON object: {self.shown}") from None

    @property
    def shown(self) -> str:
        """The first words of the body, in one line."""
        return " ".join(self.body[:160].decode(errors="replace").split()) or "(empty)"


class Server:
    """``http://HOST:PORT[/PREFIX]`` or ``unix:PATH``; `timeout` in seconds, for each answer."""

    def __init__(self, url: str, *, timeout: float) -> None:
        parts = urlsplit(url)
        self._socket = url.removeprefix(_UNIX) if url.startswith(_UNIX) else ""
        if not self._socket and (parts.scheme not in ("http", "https") or not parts.hostname):
            remedy = "Write http://127.0.0.1:8080, or unix: and the path of a socket"
            raise LongspanError(f"{url!r} is no address of a server", remedy=remedy)
        self.url, self._timeout = url.rstrip("/"), timeout
        self._kind = http.client.HTTPConnection if parts.scheme == "http" else http.client.HTTPSConnection
        self._host, self._port = parts.hostname or "", parts.port
        self._base = "" if self._socket else parts.path.rstrip("/")

    def request(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Response:
        """Raises `Unreachable` when there is no answer."""
        until = time.monotonic() + self._timeout
        with exchange(self._connect(), method, self._base + path, body=body, headers=headers or {}) as response:
            named = {name.lower(): value for name, value in response.getheaders()}
            return Response(response.status, named, read_whole(response, limit_bytes=MOST_BYTES, until=until))

    def post(self, path: str, document: Any) -> Response:
        """A JSON body."""
        return self.request("POST", path, msgspec.json.encode(document), {"content-type": "application/json"})

    def _connect(self) -> http.client.HTTPConnection:
        if self._socket:
            return UnixConnection(self._socket, self._timeout)
        return self._kind(self._host, self._port, timeout=self._timeout)


def model_path(name: str, version: str = "") -> str:
    """``/v2/models/NAME[/versions/VERSION]``."""
    return f"/v2/models/{quote(name, safe='')}" + (f"/versions/{quote(version, safe='')}" if version else "")
