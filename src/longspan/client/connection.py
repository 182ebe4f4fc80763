"""How does one HTTP request reach a process, over a unix socket or TCP, and stay bounded?

One request, one connection, no retry: whoever wants another attempt asks again. Each call has a time
limit for the whole exchange and a limit for the body it will hold. All that can go wrong on the way
(no socket, refused, silent, cut off, too large) is one error, `Unreachable`.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator, Mapping

from longspan.base.errors import Unreachable
from longspan.client.opening import within_reach

BODY_LIMIT_BYTES = 64 << 20
"""Most that an answer may hold where the caller names no limit."""

_PIECE_BYTES = 1 << 16


class UnixConnection(http.client.HTTPConnection):
    """An `http.client.HTTPConnection` to a socket file. A path of any length will do."""

    def __init__(self, socket_path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.socket_path = socket_path

    def connect(self) -> None:
        """Raises `OSError` when no process listens there."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            with within_reach(self.socket_path) as path:
                self.sock.connect(path)
        except BaseException:
            self.close()
            raise


@contextlib.contextmanager
def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    patient: bool = False,
) -> Iterator[http.client.HTTPResponse]:
    """Send one request; give its response, unread; close the connection at the end.

    `patient`: once the headers have come, silence is no failure. Raises `Unreachable` for whatever happens
    on the way, also while the caller reads; so nothing but reading should stand under it.
    """
    where = getattr(connection, "socket_path", "") or f"{connection.host}:{connection.port}"
    try:
        # Who refuses a large body answers before it is all sent, then closes: the answer is still there to read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, body=body or None, headers=dict(headers or {}))
        # A response that ends with its connection takes the socket away from it, so hold on to it.
        wire = connection.sock
        with connection.getresponse() as response:
            if patient:
                wire.settimeout(None)
            yield response
    except TimeoutError as error:
        raise Unreachable("did not answer in time", at=where) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unreachable(f"cannot be reached ({reason})", at=where) from error
    finally:
        connection.close()


def pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body as it comes. Raises `http.client.IncompleteRead` when it ends before its length."""
    # read1 of Python 3.11 does not count: it would wait past the end of a body, or take half of one for all.
    left = None if response.chunked else response.length
    while left != 0:
        piece = response.read1(_PIECE_BYTES if left is None else min(left, _PIECE_BYTES))
        if not piece:
            if left is not None:
                raise http.client.IncompleteRead(b"", left)
            return
        if left is not None:
            left -= len(piece)
        yield piece


def read_whole(response: http.client.HTTPResponse, *, limit_bytes: int, until: float) -> bytes:
    """The body. Raises `Unreachable` over `limit_bytes`, or when `until` (`time.monotonic`) has passed."""
    parts: list[bytes] = []
    size = 0
    for part in pieces(response):
        size += len(part)
        if size > limit_bytes:
            raise Unreachable(f"answered more than {limit_bytes} bytes")
        if time.monotonic() > until:
            raise TimeoutError
        parts.append(part)
    return b"".join(parts)


def unix_request(
    method: str,
    socket_path: str,
    path: str,
    *,
    timeout: float,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    limit_bytes: int = BODY_LIMIT_BYTES,
) -> tuple[int, bytes]:
    """One request to a process on this machine -> (status, body). `timeout` in seconds. Raises `Unreachable`."""
    until = time.monotonic() + timeout
    with exchange(UnixConnection(socket_path, timeout), method, path, body=body, headers=headers) as response:
        return response.status, read_whole(response, limit_bytes=limit_bytes, until=until)


def unix_get(socket_path: str, path: str, timeout: float) -> tuple[int, bytes]:
    """``GET path`` from a process on this machine -> (status, body). Raises `Unreachable`."""
    return unix_request("GET", socket_path, path, timeout=timeout)
