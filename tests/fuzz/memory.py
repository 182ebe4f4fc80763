"""A transport in memory: what a connection writes is kept, what it should read is handed to it, as a loop would.

It holds the connection to what asyncio asks of it: nothing is written after the end, nothing read while it pauses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

PIECE = 64 << 10
"""Bytes that a loop reads at once."""


class Memory(asyncio.Transport):
    """One connection, on our side of it."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self._protocol: Any = protocol
        self.written: list[bytes] = []
        """One entry a call."""
        self._reading = True
        self.closed = self.ended = self.aborted = False
        protocol.connection_made(self)

    # Our part ----------------------------------------------------------------------------------------------

    def feed(self, pieces: Iterable[bytes], unstick: Callable[[], None] = lambda: None) -> None:
        """Let the protocol read. `unstick`: called while it pauses, for what it may wait for."""
        for piece in pieces:
            for at in range(0, len(piece), PIECE):
                self._give(piece[at : at + PIECE], unstick)

    def _give(self, data: bytes, unstick: Callable[[], None]) -> None:
        while data and not self.closed:
            if not self._reading:
                unstick()
                assert self._reads_or_is_over(), "reading is paused, and nothing is left that could resume it"
                continue
            protocol = self._protocol
            if isinstance(protocol, asyncio.BufferedProtocol):
                buffer = memoryview(protocol.get_buffer(-1))
                size = min(len(buffer), len(data))
                assert size, "a buffer of no bytes"
                buffer[:size] = data[:size]
                data = data[size:]
                protocol.buffer_updated(size)
            else:
                data, whole = b"", data
                protocol.data_received(whole)

    def _reads_or_is_over(self) -> bool:
        return self._reading or self.closed

    def lose(self) -> None:
        """The other side is gone."""
        self.closed = True
        self._protocol.connection_lost(None)

    # The protocol's part -----------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        assert not data or not (self.closed or self.ended), "written after the end"
        if data:
            self.written.append(bytes(data))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def is_reading(self) -> bool:
        return self._reading

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self

    def setsockopt(self, *_: Any) -> None:
        """A socket has it; here there is no kernel to be asked for memory."""
