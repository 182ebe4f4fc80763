"""Steps that end their process, and some that tell when they ran."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator


async def rests(content: bytes) -> bytes:
    """So many milliseconds; gives when it began and when it ended."""
    began = time.monotonic_ns()
    await asyncio.sleep(int(content) / 1000)
    return b"%d %d" % (began, time.monotonic_ns())


def dies(content: bytes) -> bytes:
    if content == b"die":
        os._exit(3)
    return content


async def streams(content: bytes) -> AsyncIterator[bytes]:
    """One chunk, and one more when so many milliseconds are over."""
    yield b"begun\n"
    await asyncio.sleep(int(content) / 1000)
    yield b"ended\n"
