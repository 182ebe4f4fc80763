"""Step code that the tests' workers run: what a user might write, and what a user should not."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from longspan import Json, Shape
from longspan.base.errors import RequestError

Rows = Annotated[NDArray[np.float32], Shape("batch", 4)]


def same(content: bytes) -> bytes:
    return content


def words(content: bytes) -> Json:
    return {"words": content.decode().split(), "thread": threading.current_thread().name}


def double(rows: Rows) -> Rows:
    """Of a batch: fails when any row begins with -1, and says how many rows it saw by the file ``batches``."""
    if (rows[:, 0] == -1).any():
        raise ValueError("a row begins with -1")
    with Path("batches").open("a") as file:
        file.write(f"{len(rows)}\n")
    time.sleep(0.02)
    return rows * np.float32(2)


def total(rows: Rows) -> Annotated[NDArray[np.float32], Shape(1)]:
    """One number of all rows, be there none."""
    return np.array([rows.sum()], np.float32)


def wait(content: bytes) -> bytes:
    """Sleeps as long as the content says, and notes each run in the file ``runs``."""
    with Path("runs").open("a") as file:
        file.write(content.decode() + "\n")
    time.sleep(float(content))
    return content


def fail(content: bytes) -> bytes:
    print("printed by a step")
    logging.getLogger("steps").warning("logged by a step")
    if content == b"exit":
        sys.exit(3)
    if content == b"teapot":
        raise RequestError(422, "no tea")
    raise KeyError(content.decode())


async def later(content: bytes) -> bytes:
    if content == b"exit":
        sys.exit(3)
    if content == b"cancel":
        raise asyncio.CancelledError
    await asyncio.sleep(float(content))
    return content


async def count(content: bytes) -> AsyncIterator[Json]:
    """Counts to what the content says, ``N`` or ``N:seconds between`` or ``N:seconds:fail``; notes its close."""
    most, _, rest = content.decode().partition(":")
    pause, _, end = rest.partition(":")
    try:
        for number in range(int(most)):
            yield {"number": number, "filler": "x" * 2000 if end == "wide" else ""}
            await asyncio.sleep(float(pause or 0))
        if end == "fail":
            raise ValueError("counted far enough")
    finally:
        with Path("closed").open("a") as file:
            file.write(f"{most}\n")


class Greeter:
    """Made once, with its settings."""

    def __init__(self, greeting: str, token: str) -> None:
        self.greeting, self.token = greeting, token

    def __call__(self, content: bytes) -> Json:
        environment = any(self.token in value for value in os.environ.values())
        arguments = self.token in Path("/proc/self/cmdline").read_text()
        listed: dict[str, Any] = {"greeting": f"{self.greeting} {content.decode()}", "token": len(self.token)}
        return listed | {"seen": environment or arguments}
