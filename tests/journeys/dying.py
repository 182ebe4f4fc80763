"""A server of somebody else's that dies of a text that says so: ``python3 dying.py PORT``, with nothing but Python."""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TEXT = {"name": "text", "datatype": "BYTES", "shape": [1]}
MODEL = {"name": "repeat", "platform": "python", "inputs": [TEXT], "outputs": [TEXT]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        known = {"/v2/health/ready": {}, "/v2/health/live": {}, "/v2/models/repeat": MODEL}
        self.answer(200 if self.path in known else 404, known.get(self.path, {"error": "not found"}))

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = asked["inputs"][0]["data"]
        if text[0].startswith("die of "):
            os._exit(1)
        self.answer(200, {"model_name": "repeat", "outputs": [TEXT | {"data": text}]})

    def answer(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
