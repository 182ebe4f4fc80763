"""Who is under way in this worker, written where it outlives the process (`wire.ids`).

What a request costs here is one store of its id before its first byte is looked at and one that takes it away; a step
is one store more. Entries are given and taken on the event loop only; a thread does no more than tell, through the
`Trail` of its steps, which of them it has come to. Who only waits is not noted, nor is a step that runs elsewhere:
neither can be what this process dies of.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import time_ns

from longspan.base.errors import LongspanError
from longspan.serving.exchange import Exchange
from longspan.serving.step import Trail
from longspan.wire import ids
from longspan.wire.ids.layout import UNIT, Parts, encode_names
from longspan.wire.orders import Work

ID = b"x-request-id"
AT_THE_DOOR = (ids.DOOR,)


class Noted:
    """The live entries of a page of ids."""

    def __init__(self, memory: memoryview, names: ids.Names, deaths: Iterable[int] = ()) -> None:
        """`memory`: a page for these names, as `ids.succeed` makes it. `deaths`: what it says of each."""
        self.deaths = dict(zip(names, deaths, strict=False))
        """(endpoint, step) -> processes of this slot that died while it ran."""
        self._memory, self._words = memory, memory.cast("H")
        self._places = {name: place for place, name in enumerate(names)}
        self._first = Parts.of(len(encode_names(names)), len(names), ids.LIVE).entries
        self._at_door = self._at(ids.DOOR)
        self._door = ids.place_of_step(self._at_door)
        # The last is nobody's: where those tell their steps who are not noted.
        self._unnoted = ids.place_of_step(self._at(ids.LIVE - 1))
        self._free = list(range(ids.LIVE - 2, ids.DOOR, -1))

    @classmethod
    def nowhere(cls) -> Noted:
        """Notes that nobody reads, for a worker without a file."""
        return cls(memoryview(bytearray(ids.succeed(None, (), life=1, pid=0, now=0)[0])), ())

    def _at(self, entry: int) -> int:
        return self._first + UNIT * entry

    def place(self, endpoint: str, step: str) -> int:
        """Of a step among the names."""
        return self._places.get((endpoint, step), ids.NOWHERE)

    def trail(self) -> Trail:
        """For steps that follow each other in one thread, or on the loop."""
        return Trail(self._words, self._door)

    def at_the_door(self, take: Callable[[Exchange], None]) -> Callable[[Exchange], None]:
        """`take`, noting the request as long as the event loop has it in hand: while it is read, and while it runs on
        the loop at once, as most do."""
        memory, at, write, free = self._memory, self._at_door, ids.write, ids.free

        def noted(exchange: Exchange) -> None:
            request_id = exchange.fields.get(ID)
            if request_id is None:
                take(exchange)
                return
            write(memory, at, request_id, ids.NOWHERE, ids.DOOR)
            try:
                take(exchange)
            finally:
                free(memory, at)

        return noted

    def on_the_loop(self, trail: Trail) -> None:
        """The steps of this trail run for whoever is at the door."""
        trail.at = self._door

    def enter(self, exchanges: Iterable[Exchange], trail: Trail | None = None, place: int = ids.NOWHERE) -> list[int]:
        """These are about to run, together, under `trail` or, without one, in the step of that `place`: their entries.

        Those without an id have none, nor have those beyond `ids.LIVE`.
        """
        entered: list[int] = []
        for exchange in exchanges:
            request_id = exchange.fields.get(ID)
            if request_id is not None and self._free:
                entered.append(self._free.pop())
                ids.write(self._memory, self._at(entered[-1]), request_id, place, entered[0])
        if trail is not None:
            trail.at = ids.place_of_step(self._at(entered[0])) if entered else self._unnoted
        return entered

    def enter_on_the_loop(self, group: Sequence[Exchange], trail: Trail) -> Sequence[int]:
        """The same for a run on the loop: of one request at the door, where nobody else can be and `trail` leads."""
        if len(group) > 1:
            return self.enter(group, trail)
        request_id = group[0].fields.get(ID)
        if request_id is None:
            return ()
        ids.write(self._memory, self._at_door, request_id, ids.NOWHERE, ids.DOOR)
        return AT_THE_DOOR

    def leave(self, entered: Sequence[int]) -> None:
        """They have run."""
        if entered is AT_THE_DOOR:
            ids.free(self._memory, self._at_door)
            return
        for entry in entered:
            ids.free(self._memory, self._at(entry))
        self._free += entered

    def clear(self) -> None:
        """The process leaves in order: nothing that it still had in hand is to blame for that."""
        for entry in range(ids.LIVE):
            ids.free(self._memory, self._at(entry))


def take_over(path: str, work: Work) -> tuple[Noted, ids.Left]:
    """Make the slot's page anew, and say what the last process died of. Only the holder of the slot's lock may.

    Raises `LongspanError` when it cannot be written.
    """
    names = names_of(work)
    now = time_ns()
    page, left = ids.succeed(read(path), names, life=now, pid=os.getpid(), now=now)
    beside = f"{path}.new"
    try:
        with open(beside, "w+b") as file:
            file.write(page)
            file.flush()
            memory = mmap.mmap(file.fileno(), len(page))
        os.rename(beside, path)
    except OSError as error:
        raise LongspanError(f"cannot be written: {error.strerror}", at=path, remedy="Is the disk full?") from None
    made = ids.parse(page)
    return Noted(memoryview(memory), names, made.deaths if made is not None else ()), left


def names_of(work: Work) -> ids.Names:
    """(endpoint, step) of all that may run in a worker."""
    steps = [(service.name, step.name) for service in work.services for step in service.steps if not step.unit]
    return (*steps, *((model.name, model.name) for model in work.models if model.answers))


def read(path: str | Path) -> ids.Page | None:
    """The page at `path` as it is now; None without one."""
    return ids.parse(read_bytes(path))


def read_bytes(path: str | Path) -> bytes:
    """The bytes of that page; none without one."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        return b""
