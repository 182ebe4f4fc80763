"""Two servers of somebody else's, as small as can be: one knows JSON and HTTP/1.0 only, one takes tensors as bytes.

They run in threads of the test, on a port and on a socket: there already, as far as Longspan is concerned.
"""

from __future__ import annotations

import json
import socketserver
import struct
import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

HEADER_LENGTH = "Inference-Header-Content-Length"


class Answering(BaseHTTPRequestHandler, ABC):
    """Readiness and metadata, and ``infer`` by whoever inherits it."""

    calls: ClassVar[list[str]]
    """What was asked for, newest last."""
    path: str
    model: ClassVar[str]
    """``/v2/models/NAME``, and so on."""
    tensor: ClassVar[dict[str, Any]]
    """What it takes, and what it gives."""

    def do_GET(self) -> None:
        known = {
            "/v2/health/ready": {},
            "/v2": {"name": "other", "version": "1", "extensions": ["binary_tensor_data"]},
            self.model: {"name": "m", "platform": "python", "inputs": [self.tensor], "outputs": [self.tensor]},
        }
        told = known.get(self.path)
        self.answer(404 if told is None else 200, json.dumps(told).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.calls.append(str(self.headers["content-type"]))
        if self.path != f"{self.model}/infer":
            self.answer(404, b'{"error": "no such model"}')
        else:
            self.infer(body)

    @abstractmethod
    def infer(self, body: bytes) -> None:
        """Answer one inference request."""

    def answer(self, status: int, body: bytes, **fields: str) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **fields}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Upper(Answering):
    """``text`` in capitals, and some words that it does not like. Answers as http.server does by default: HTTP/1.0."""

    calls: ClassVar[list[str]] = []
    model = "/v2/models/upper"
    tensor: ClassVar[dict[str, Any]] = {"name": "text", "datatype": "BYTES", "shape": [1]}

    def infer(self, body: bytes) -> None:
        (tensor,) = json.loads(body)["inputs"]
        (text,) = tensor["data"]
        output = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [text.upper()]}
        match text:
            case "refuse":
                self.answer(422, b'{"error": "no such word\\n  at /srv/upper.py"}')
            case "crash":
                self.answer(500, b'{"error": "Traceback: /srv/upper.py"}')
            case "full":
                self.answer(503, b'{"error": "later"}')
            case "drop":
                self.close_connection = True
            case "short":
                self.answer(200, json.dumps({"outputs": [output | {"data": []}]}).encode())
            case "noise":
                self.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
            case _:
                self.answer(200, json.dumps({"model_name": "upper", "outputs": [output], "took": 1}).encode())


class Double(Answering):
    """``rows`` times two, bytes in and bytes out."""

    calls: ClassVar[list[str]] = []
    model = "/v2/models/double/versions/2"
    tensor: ClassVar[dict[str, Any]] = {"name": "rows", "datatype": "FP32", "shape": [-1, 4]}
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "a socket"

    def infer(self, body: bytes) -> None:
        length = int(self.headers[HEADER_LENGTH])
        (tensor,) = json.loads(body[:length])["inputs"]
        numbers = [2 * number for (number,) in struct.iter_unpack("<f", body[length:])]
        data = struct.pack(f"<{len(numbers)}f", *numbers)
        output = {
            "name": "rows",
            "datatype": "FP32",
            "shape": tensor["shape"],
            "parameters": {"binary_data_size": len(data)},
        }
        head = json.dumps({"model_name": "double", "outputs": [output]}).encode()
        fields = {HEADER_LENGTH: str(len(head)), "content-type": "application/octet-stream"}
        self.answer(200, head + data, **fields)


class OnSocket(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """An HTTP server on a unix socket."""

    daemon_threads = True


class Server:
    """A server that runs until `stop`."""

    def __init__(self, handler: type[Answering], at: int | Path) -> None:
        """`at`: a port (0: any that is free), or the path of a socket."""
        if isinstance(at, Path):
            at.unlink(missing_ok=True)
            self._server: socketserver.BaseServer = OnSocket(str(at), handler)
            self.port = 0
        else:
            server = ThreadingHTTPServer(("127.0.0.1", at), handler)
            self._server, self.port = server, server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
