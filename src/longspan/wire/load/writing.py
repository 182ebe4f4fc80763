"""The worker's side of a load page."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from longspan.base.errors import LongspanError
from longspan.wire.load.layout import ENDPOINT_SLOTS, MAGIC, PROCESS_SLOTS, STEP_SLOTS, Names


class LoadPage:
    """The writer's side. `slots` is a memoryview of signed 64-bit integers; never hold it beyond `close`."""

    def __init__(self, memory: mmap.mmap, names: Names, first: int) -> None:
        """Made by `create`. `first`: index of the process's first counter."""
        self._memory = memory
        self.slots: memoryview[int] = memoryview(memory).cast("q")
        self.process = first
        """First slot of the process's own counters (`CPU_NANOSECONDS`, `STARTED`, `READY`, `CONNECTIONS`)."""
        endpoints = first + PROCESS_SLOTS
        steps = endpoints + len(names.endpoints) * ENDPOINT_SLOTS
        self._endpoints = {name: endpoints + index * ENDPOINT_SLOTS for index, name in enumerate(names.endpoints)}
        self._steps = {key: steps + index * STEP_SLOTS for index, key in enumerate(names.steps)}

    @classmethod
    def create(cls, path: str, endpoints: Sequence[str], steps: Sequence[tuple[str, str]]) -> LoadPage:
        """Make or take over the file and map it, all counters 0. `steps`: (endpoint, step).

        A file that a former worker of the slot left is reused and never shortened: whoever still maps it keeps valid
        memory. Only the holder of the slot's lock may call this. Raises `LongspanError` where there is no room.
        """
        names = Names(tuple(endpoints), tuple(steps))
        text = msgspec.json.encode(names)
        text += b" " * (-len(text) % 8)
        first = 2 + len(text) // 8
        count = first + PROCESS_SLOTS + len(names.endpoints) * ENDPOINT_SLOTS + len(names.steps) * STEP_SLOTS
        try:
            with _open(path) as file:
                size = max(8 * count, file.seek(0, 2))
                # Written, not only made longer: a hole on a full disk would end us at the first touch (SIGBUS).
                file.seek(0)
                file.write(bytes(8))
                file.flush()
                file.write(len(text).to_bytes(8, "little") + text + bytes(size - 16 - len(text)))
                file.flush()
                memory = mmap.mmap(file.fileno(), size)
        except OSError as error:
            raise LongspanError(f"the load page cannot be written: {error.strerror}", at=path) from error
        memory[0:8] = MAGIC
        return cls(memory, names, first)

    def endpoint(self, name: str) -> int:
        """First slot of an endpoint. Raises `KeyError`."""
        return self._endpoints[name]

    def step(self, endpoint: str, step: str) -> int:
        """First slot of a step. Raises `KeyError`."""
        return self._steps[endpoint, step]

    def close(self) -> None:
        """Unmap; the file stays for its reader."""
        self.slots.release()
        self._memory.close()


def _open(path: str) -> BinaryIO:
    try:
        return open(path, "r+b")
    except FileNotFoundError:
        return open(path, "x+b")
