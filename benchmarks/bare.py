"""The bare loop: the least a Python server can do for one OIP JSON inference. The limit we measure against.

`asyncio.Protocol`, httptools, uvloop, msgspec decode, inline run, msgspec encode, and nothing else: no
ids, no validation, no limits, no metrics, no batching, no back-pressure. Not fit to serve anybody.

::

    python -B -m benchmarks.bare SOCKET MODEL.onnx
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import httptools
import msgspec
import numpy as np
import onnxruntime as ort
import uvloop


class Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Request(msgspec.Struct):
    inputs: list[Tensor]


class Output(msgspec.Struct):
    name: str
    datatype: str
    shape: list[int]
    data: list[float]


class Response(msgspec.Struct):
    model_name: str
    model_version: str
    outputs: list[Output]


class Bare(asyncio.Protocol):
    """One connection. Requests are answered one by one, inside the parser's callback."""

    def __init__(self, session: Any) -> None:
        self.run = session.run
        self.outputs = [session.get_outputs()[0].name]
        self.decode = msgspec.json.Decoder(Request).decode
        self.encode = msgspec.json.Encoder().encode

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.body = b""

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        tensor = self.decode(self.body).inputs[0]
        self.body = b""
        scores = self.run(self.outputs, {tensor.name: np.array(tensor.data, np.float32).reshape(tensor.shape)})[0]
        output = Output(self.outputs[0], "FP32", list(scores.shape), scores.ravel().tolist())
        body = self.encode(Response("tiny", "1", [output]))
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)  # type: ignore[attr-defined]


async def serve(socket: str, model: str, speak: Callable[[Any], asyncio.Protocol]) -> None:
    """Serve on the unix socket until the process is ended. `speak`: the protocol of one connection to a session."""
    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    server = await asyncio.get_running_loop().create_unix_server(lambda: speak(session), socket)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2], Bare))
