"""A small real HTTP server on a unix socket, for the gateway to send requests to.

``python upstream.py SOCKET NAME``: answers what it saw as JSON. The query, else a short body, tells it how to behave:
``status=500`` answers so, ``only=NAME`` answers 404 unless that is its name, ``wait=0.5`` takes so long,
``leaving=NAME`` sends it back untouched if that is in its name, as a worker that gives itself up,
``die=1`` kills itself with the request in hand,
``chunks=3`` streams so many lines, ``pause=0.1`` apart. Like a worker, it listens under a temporary
name and renames that over the socket's path, so that the path always leads somewhere that answers.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlsplit


class Upstream:
    """One process that answers at one socket."""

    def __init__(self, name: str) -> None:
        self.name, self.answered, self.open = name, 0, 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
        body = b"".join([part async for part in _body(reader, headers)])
        how = dict(parse_qsl(urlsplit(target).query or body[:100].decode("latin-1")))
        if urlsplit(target).path != "/v2/health/ready":
            self.answered += 1
        if "die" in how:
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(float(how.get("wait", 0)))
        if "chunks" in how:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            for number in range(int(how["chunks"])):
                writer.write(b"%x\r\ndata: %d\n\n\r\n" % (len(b"data: %d\n\n" % number), number))
                await writer.drain()
                await asyncio.sleep(float(how.get("pause", 0)))
            writer.write(b"0\r\n\r\n")
        else:
            seen = {
                "name": self.name, "pid": os.getpid(), "method": method, "target": target, "headers": headers,
                "size": len(body), "answered": self.answered, "open": self.open,
            }  # fmt: skip
            answer = json.dumps(seen).encode()
            status = "404" if how.get("only", self.name) != self.name else how.get("status", "200")
            extra = b"endpoint-load-metrics: TEXT cpu_utilization=0.5\r\n"
            if how.get("leaving", "-") in self.name:
                status, extra = "503", b"retry-after: 1\r\nlongspan-not-begun: 1\r\n"
            writer.write(b"HTTP/1.1 %s Any\r\n%scontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
                         % (status.encode(), extra, len(answer), answer))  # fmt: skip
        await writer.drain()
        return True


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncIterator[bytes]:
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            yield (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    elif length := int(headers.get("content-length", 0)):
        yield await reader.readexactly(length)


async def main(path: str, name: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    server = await asyncio.start_unix_server(Upstream(name).serve, f"{path}.new", limit=1 << 20)
    os.rename(f"{path}.new", path)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
