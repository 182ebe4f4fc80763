"""Steps that do not come back, each in another way, when they are told to."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import threading
import time

FOR_EVER = 3600


def sleep(content: bytes) -> bytes:
    if content == b"hang":
        while True:
            time.sleep(FOR_EVER)
    return content


async def stubborn(content: bytes) -> bytes:
    """Swallows its cancellation."""
    while content == b"hang":
        with contextlib.suppress(asyncio.CancelledError):
            await _deep_down()
    return content


async def _deep_down() -> None:
    await asyncio.sleep(FOR_EVER)


async def passes(content: bytes) -> bytes:
    return content


async def waits(content: bytes) -> bytes:
    """Hangs, but does what it is told."""
    if content == b"hang":
        await asyncio.sleep(FOR_EVER)
    return content


async def blocks(content: bytes) -> bytes:
    """Blocks the loop; with ``hold`` in C code that keeps the interpreter, too."""
    if content == b"hang":
        time.sleep(FOR_EVER)  # noqa: ASYNC251 - this is what it is for
    if content == b"hold":
        ctypes.PyDLL(None).sleep(FOR_EVER)
    return content


def leaves_a_thread(content: bytes) -> bytes:
    threading.Thread(target=time.sleep, args=(FOR_EVER,), daemon=False).start()
    return content
