"""A real HTTP server for the tests of the client: it answers as it is told, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]
    peer: Any = None
    """Whose connection it came on."""


@dataclass
class Reply:
    """What is answered. `chunks` are sent one by one; with `length` None they are framed as chunks of HTTP/1.1."""

    status: int = 200
    chunks: tuple[bytes, ...] = ()
    length: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    before_each: Callable[[], object] = lambda: None


def whole(body: bytes, status: int = 200, **headers: str) -> Reply:
    """A reply that says how long it is."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, (body,), len(body), named)


class Answering:
    """Knows one reply for each "METHOD /path" and keeps what was asked."""

    def __init__(self, replies: dict[str, Reply]) -> None:
        self.replies, self.asked = replies, list[Asked]()
        self.then: dict[str, list[Reply]] = {}
        """What takes the place of a reply each time that it has been given, in turn."""

    @contextlib.contextmanager
    def on_unix(self, path: Path) -> Iterator[None]:
        with self._serve(_UnixServer(str(path), self._handler())):
            yield

    @contextlib.contextmanager
    def on_tcp(self, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[str]:
        """Gives the address."""
        server = _TcpServer(("127.0.0.1", port), self._handler())
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        with self._serve(server):
            yield f"http{'' if tls is None else 's'}://127.0.0.1:{server.server_address[1]}"

    @contextlib.contextmanager
    def _serve(self, server: socketserver.BaseServer) -> Iterator[None]:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answering = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                with contextlib.suppress(ConnectionError):
                    super().handle_one_request()

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answering.asked.append(Asked(self.command, self.path, body, headers, self.client_address))
                what = f"{self.command} {self.path.split('?')[0]}"
                reply = answering.replies.get(what, whole(b"", 404))
                if answering.then.get(what):
                    answering.replies[what] = answering.then[what].pop(0)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                chunked = reply.length is None
                name, value = ("transfer-encoding", "chunked") if chunked else ("content-length", str(reply.length))
                self.send_header(name, value)
                self.end_headers()
                for chunk in reply.chunks:
                    reply.before_each()
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk) if chunked else chunk)
                if chunked:
                    self.wfile.write(b"0\r\n\r\n")
                elif sum(map(len, reply.chunks)) < (reply.length or 0):
                    self.close_connection = True

            do_GET = do_POST = answer  # noqa: N815 - names of the standard library

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


class _TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # a client may keep its connection for longer than the server stands


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, _ = super().get_request()
        return connection, ("client", 0)


def raw_server(answers: list[bytes]) -> tuple[str, threading.Thread]:
    """A server that sends one of these to each connection in turn, once something was asked, and closes it."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(5)

    def serve() -> None:
        with listening:
            for answer in answers:
                connection, _ = listening.accept()
                with connection:
                    connection.settimeout(5)
                    connection.recv(1 << 16)
                    connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}", thread
