"""The bare loop for OIP's binary tensor data: the least a Python server can do for a megabyte in and a megabyte out.

As `bare`, and as little fit to serve anybody. It copies no more than it must: the parser's parts are joined once, the
array is a view of that, the answer leaves from the memory of the output.

::

    python -B -m benchmarks.bare_binary SOCKET MODEL.onnx
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import httptools
import msgspec
import numpy as np
import uvloop

from benchmarks.bare import serve

HEAD = b'{"model_name":"plus","model_version":"1","outputs":[{"name":"sums","datatype":"FP32","shape":[%d],'
HEAD += b'"parameters":{"binary_data_size":%d}}]}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ninference-header-content-length: %d\r\n"
ANSWER += b"content-length: %d\r\n\r\n"


class Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str


class Request(msgspec.Struct):
    inputs: list[Tensor]


class BareBinary(asyncio.Protocol):
    """One connection. Requests are answered one by one, inside the parser's callback."""

    def __init__(self, session: Any) -> None:
        self.run = session.run
        self.outputs = [session.get_outputs()[0].name]
        self.decode = msgspec.json.Decoder(Request).decode
        self.parts: list[bytes] = []
        self.on_body = self.parts.append
        self.length = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name == b"inference-header-content-length":
            self.length = int(value)

    def on_message_complete(self) -> None:
        body = memoryview(b"".join(self.parts))
        self.parts.clear()
        tensor = self.decode(body[: self.length]).inputs[0]
        array = np.frombuffer(body[self.length :], np.float32).reshape(tensor.shape)
        sums = self.run(self.outputs, {tensor.name: array})[0]
        head = HEAD % (sums.size, sums.nbytes)
        self.transport.writelines(  # type: ignore[attr-defined]
            (ANSWER % (len(head), len(head) + sums.nbytes), head, sums.data.cast("B"))
        )


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2], BareBinary))
