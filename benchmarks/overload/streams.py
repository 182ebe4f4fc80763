"""A greedy client: requests at a steady rate, all over one HTTP/2 connection, without a look at what comes back.

As much of RFC 9113 and RFC 7541 as that takes, since no package for it is among our dependencies: headers as literals,
no dynamic table on either side, so that an answer of status 200 begins with the byte 0x88.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

MOST_STREAMS = 100
"""At a time. The gateway allows 128, and hangs up on who has more."""
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _AWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_NO_TABLE = struct.pack(">HI", 1, 0)
_STATUS_200 = 0x88


class ManyStreams:
    """Sends until it is closed. `sent`, `right` (status 200) and `refused` (any other) are counted."""

    def __init__(self, address: str, path: str, body: bytes, rate_per_second: float) -> None:
        host, _, port = address.rpartition(":")
        self.sent = self.right = self.refused = 0
        self._headers = b"".join(
            _literal(name, value)
            for name, value in (
                (b":method", b"POST"),
                (b":scheme", b"http"),
                (b":authority", address.encode()),
                (b":path", path.encode()),
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
            )
        )
        self._body, self._period = body, 1 / rate_per_second
        self._closing, self._writing = False, threading.Lock()
        self._socket = socket.create_connection((host, int(port)))
        self._socket.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, _NO_TABLE) + _frame(_WINDOW, 0, 0, b"\x3f\0\0\0"))
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._ask, self._hear)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Send no more and hang up."""
        self._closing = True
        with contextlib.suppress(OSError):  # the other side has hung up
            self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _ask(self) -> None:
        due, stream = time.monotonic(), 1
        while not self._closing:
            due += self._period
            time.sleep(max(0.0, due - time.monotonic()))
            if self.sent - self.right - self.refused >= MOST_STREAMS:
                continue
            frames = _frame(_HEADERS, _END_HEADERS, stream, self._headers)
            if not self._write(frames + _frame(_DATA, _END_STREAM, stream, self._body)):
                return
            self.sent, stream = self.sent + 1, stream + 2

    def _hear(self) -> None:
        with self._socket.makefile("rb") as file:
            while len(head := self._read(file, 9)) == 9:
                length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
                content = self._read(file, length)
                if kind == _HEADERS:
                    block = content.lstrip(b"\x20")  # the announcement of an empty table
                    right = block[:1] == bytes([_STATUS_200])
                    self.right, self.refused = self.right + right, self.refused + (not right)
                elif kind == _RESET:
                    self.refused += 1
                elif kind == _DATA and length:
                    self._write(_frame(_WINDOW, 0, 0, struct.pack(">I", length)))
                elif kind in (_SETTINGS, _PING) and not flags & _ACK:
                    self._write(_frame(kind, _ACK, 0, content if kind == _PING else b""))
                elif kind == _AWAY:
                    return

    def _write(self, data: bytes) -> bool:
        try:
            with self._writing:
                self._socket.sendall(data)
        except OSError:
            return False
        return True

    @staticmethod
    def _read(file: object, size: int) -> bytes:
        try:
            return file.read(size)  # type: ignore[attr-defined, no-any-return]
        except OSError:
            return b""


def _frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    return len(content).to_bytes(3) + struct.pack(">BBI", kind, flags, stream) + content


def _literal(name: bytes, value: bytes) -> bytes:
    """A header that goes into no table; both shorter than 127 bytes."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
