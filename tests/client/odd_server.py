"""A small server that speaks the protocol, and one that breaks a promise of your choice.

Its one model, `echo`, gives its input `x`, FP32 [-1, 2], as `y`, and how many rows there were as `rows`, INT64 [1].
"""

from __future__ import annotations

import http.server
import json
import struct
import threading
from math import prod
from typing import Any, Self

HEADER = "Inference-Header-Content-Length"
METADATA: dict[str, Any] = {
    "name": "echo",
    "versions": ["1"],
    "platform": "test",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
    "outputs": [
        {"name": "y", "datatype": "FP32", "shape": [-1, 2]},
        {"name": "rows", "datatype": "INT64", "shape": [1]},
    ],
}


class Wrong(Exception):
    """A request that cannot be answered; told as 400."""


class OddServer(http.server.ThreadingHTTPServer):
    """`fault` is the name of the check that it shall not pass; empty: it is honest."""

    daemon_threads = True

    def __init__(self, fault: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.fault, self.refusals = fault, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: OddServer

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""

    def do_GET(self) -> None:
        paths: dict[str, tuple[str, Any]] = {
            "/v2/health/live": ("live", {"live": True}),
            "/v2/health/ready": ("ready", {"ready": True}),
            "/v2": ("server", {"name": "odd", "version": "1", "extensions": ["binary_tensor_data"]}),
            "/v2/models/echo": ("metadata", METADATA),
            "/v2/models/echo/versions/1": ("versions", METADATA),
            "/v2/models/echo/ready": ("model-ready", {"ready": True}),
        }
        fault = self.server.fault
        if self.path not in paths:
            check = "no-version" if "/versions/" in self.path else "nowhere"
            return self.say(200 if fault == check else 404, {"error": "there is no such thing"})
        check, document = paths[self.path]
        if fault == "platform" and check == "metadata":
            document = dict(document, platform="")
        return self.say(503, {"error": "broken"}) if fault == check else self.say(200, document)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        fault = self.server.fault
        try:
            if self.path not in ("/v2/models/echo/infer", "/v2/models/echo/versions/1/infer"):
                raise Wrong("no-model")
            if fault == "infer-version" and "/versions/" in self.path:
                raise Wrong("broken")
            self.infer(body)
        except Wrong as wrong:
            self.server.refusals += 1
            self.say(500 if str(wrong) == fault else 400, {"error": str(wrong)})

    def infer(self, body: bytes) -> None:
        fault = self.server.fault
        request, tail = self.parted(body)
        if fault == "afterwards" and self.server.refusals:
            raise Wrong("broken")
        data, shape, binary = self.tensor(request, tail)
        values: dict[str, tuple[list[int], str, list[Any]]] = {
            "y": (shape, "FP32", data),
            "rows": ([1], "INT64", [shape[0]]),
        }
        asked = request.get("outputs") or [{"name": name} for name in values]
        if any(output["name"] not in values for output in asked):
            raise Wrong("no-output")
        if fault == "outputs":
            asked = [{"name": name} for name in values]
        outputs, end = [], b""
        for output in asked:
            shape, datatype, elements = values[output["name"]]
            given: dict[str, Any] = {"name": output["name"], "datatype": datatype, "shape": shape}
            if output.get("parameters", {}).get("binary_data") and binary and fault != "binary-out":
                content = struct.pack(f"<{len(elements)}{'f' if datatype == 'FP32' else 'q'}", *elements)
                given["parameters"] = {"binary_data_size": len(content)}
                end += content
            else:
                given["data"] = elements[:-1] if fault == "infer" else elements
            outputs.append(given)
        answer = {"model_name": "echo", "outputs": outputs}
        if "id" in request and fault != "id":
            answer["id"] = request["id"]
        self.say(200, answer, end)

    def parted(self, body: bytes) -> tuple[dict[str, Any], bytes]:
        length = int(self.headers.get(HEADER, len(body)))
        if length > len(body):
            raise Wrong("binary-header")
        try:
            return json.loads(body[:length]), body[length:]
        except ValueError:
            raise Wrong("no-json") from None

    def tensor(self, request: dict[str, Any], tail: bytes) -> tuple[list[float], list[int], bool]:
        if not request.get("inputs"):
            raise Wrong("no-inputs")
        one = request["inputs"][0]
        for key, wanted, check in (("name", "x", "no-input"), ("datatype", "FP32", "no-datatype")):
            if one[key] != wanted:
                raise Wrong(check)
        shape = one["shape"]
        if min(shape) < 0:
            raise Wrong("negative")
        if "data" not in one:
            if self.server.fault == "binary-in":
                raise Wrong("broken")
            if len(tail) != 4 * prod(shape):
                raise Wrong("binary-size")
            return list(struct.unpack(f"<{prod(shape)}f", tail)), shape, True
        data = one["data"]
        if data and isinstance(data[0], list):
            if self.server.fault == "nested":
                raise Wrong("broken")
            data = [number for row in data for number in row]
        if len(data) != prod(shape):
            raise Wrong("too-few" if len(data) < prod(shape) else "too-many")
        return data, shape, False

    def say(self, status: int, document: Any, tail: bytes = b"") -> None:
        head = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain" if self.server.fault == "media-type" else "application/json")
        self.send_header("content-length", str(len(head) + len(tail)))
        if tail:
            self.send_header(HEADER, str(len(head)))
        self.end_headers()
        self.wfile.write(head + tail)
