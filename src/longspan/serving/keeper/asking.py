"""Is the server ready, and is it the one that the file speaks of? Asked over its own socket, a question at a time."""

from __future__ import annotations

import socket
from time import monotonic

import httptools

from longspan.base.errors import LongspanError
from longspan.base.signatures import Signature
from longspan.wire import metadata
from longspan.wire.orders import ServerWork

PATIENCE_SECONDS = 2.0
"""For one answer, all of it."""
MOST_BYTES = 1 << 20
KNOWN_WITHIN_SECONDS = 3.0
"""Some say that they are ready before they know their models; so long "no such model" is waited out."""

HEADERS = "host: localhost\r\naccept: application/json\r\nconnection: close\r\n"


class Silent(Exception):
    """No proper answer; the text says what came instead."""


class Answers:
    """Collects one answer. Called by the parser."""

    def __init__(self) -> None:
        self.body, self.done = b"", False

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.done = True


def get(address: str, path: str) -> tuple[int, bytes]:
    """Status and body of ``GET path``. `address`: ``127.0.0.1:PORT``, or the path of a socket.

    Raises `Silent` when no whole answer of at most `MOST_BYTES` has come within `PATIENCE_SECONDS`.
    """
    until = monotonic() + PATIENCE_SECONDS
    host, colon, port = address.rpartition(":")
    tcp = bool(colon) and port.isdigit() and "/" not in address
    answer = Answers()
    parser = httptools.HttpResponseParser(answer)
    try:
        with socket.socket(socket.AF_INET if tcp else socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.settimeout(PATIENCE_SECONDS)
            wire.connect((host, int(port)) if tcp else address)
            wire.sendall(f"GET {path} HTTP/1.1\r\n{HEADERS}\r\n".encode())
            while not answer.done and (left := until - monotonic()) > 0 and len(answer.body) <= MOST_BYTES:
                wire.settimeout(left)
                piece = wire.recv(1 << 16)
                if not piece:
                    break  # the end of an answer without a length
                parser.feed_data(piece)
        status = parser.get_status_code()
    except FileNotFoundError:
        raise Silent("it has made no socket yet") from None
    except ConnectionRefusedError:
        raise Silent(f"nobody listens {f'on port {port}' if tcp else 'on its socket'}") from None
    except TimeoutError:
        raise Silent(f"GET {path} is not answered within {PATIENCE_SECONDS:g} s") from None
    except OSError as error:
        raise Silent(f"GET {path}: {error.strerror or error}") from None
    except httptools.HttpParserError as error:
        raise Silent(f"GET {path} is not answered in HTTP: {error}") from None
    if status == 0:
        raise Silent(f"GET {path} is not answered: the connection was closed")
    return status, answer.body


class Readiness:
    """Asks again and again until the server is ready and known."""

    def __init__(self, address: str, server: ServerWork, signature: Signature) -> None:
        self._address, self._server, self._signature = address, server, signature
        self._ready_since = 0.0

    def lacking(self) -> str:
        """What is still waited for, in words; empty when nothing is.

        Raises `LongspanError` when waiting is no use: what the server says does not fit what the file declares.
        """
        try:
            status, _ = get(self._address, "/v2/health/ready")
            if status != 200:
                return f"GET /v2/health/ready is answered {status}"
            self._ready_since = self._ready_since or monotonic()
            status, body = get(self._address, self._server.path)
            if status != 200:
                return self._unknown(status)
            problem = metadata.misfit(body, self._signature)
            if not problem and self._server.binary:
                status, body = get(self._address, "/v2")
                problem = metadata.no_binary(body) if status == 200 else f"GET /v2 is answered {status}"
        except Silent as reason:
            return str(reason)
        if problem:
            raise LongspanError(f"the server does not fit: {problem}")
        return ""

    def _unknown(self, status: int) -> str:
        words = f"GET {self._server.path} is answered {status}"
        if monotonic() - self._ready_since < KNOWN_WITHIN_SECONDS:
            return words
        raise LongspanError(
            f"the server is ready, but {words}",
            remedy="`serves: NAME` or `serves: NAME/versions/V` says what the step is called there",
        )
