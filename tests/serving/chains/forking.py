"""Steps that fork, and what their children then do."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator

from longspan import Json


def forks(content: bytes) -> bytes:
    """The child does as it is told; only the parent has an answer to give."""
    if pid := os.fork():
        return b"%d" % pid
    return _in_child(content)


async def forks_on_the_loop(content: bytes) -> bytes:
    if pid := os.fork():
        return b"%d" % pid
    if content == b"waits":
        import asyncio

        await asyncio.sleep(0.01)
    return _in_child(content)


async def forks_in_a_stream(content: bytes) -> AsyncIterator[Json]:
    pid = os.fork()
    yield pid or "a child speaks"


def _in_child(content: bytes) -> bytes:
    if content == b"lives":
        time.sleep(3600)
    if content == b"raises":
        raise ValueError("in the child")
    if content == b"leaves":
        sys.exit(3)
    return b"a child speaks"


def asks_others(content: bytes) -> bytes:
    """As people do who know what they do."""
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        doubled = pool.map(_double, range(8))
    ours, theirs = context.Pipe()
    process = context.Process(target=_send, args=(theirs, content))
    process.start()
    sent = ours.recv()
    process.join()
    asleep = context.Process(target=time.sleep, args=(3600,))
    asleep.start()
    asleep.terminate()
    asleep.join()
    assert asleep.exitcode == -signal.SIGTERM
    shouted = subprocess.run(["tr", "a-z", "A-Z"], input=sent, capture_output=True, check=True).stdout
    return b"%d %b" % (sum(doubled), shouted)


def _double(number: int) -> int:
    return 2 * number


def _send(pipe: multiprocessing.connection.Connection, content: bytes) -> None:
    pipe.send(content)
