"""What a page of ids says, whatever bytes it is made of."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from longspan.wire.ids.layout import ENTRY, HEADER, MAGIC, MOST_LIFE, MOST_NAMES, UNIT, Names, Parts, key


class Death(NamedTuple):
    """A process died while a request was under way in it."""

    life: int
    at: int
    """UTC nanoseconds since 1970: when it was written down; of one that nobody has written down yet, 0."""
    endpoint: str
    """What it was called by, and the step that ran; both empty when none did."""
    step: str


class Page(NamedTuple):
    """A page of ids as it was at one moment."""

    life: int
    """When its process began: UTC nanoseconds since 1970, and never that of an earlier one."""
    pid: int
    names: Names
    deaths: tuple[int, ...]
    """For each of `names`, as many processes of the slot as died while the step ran."""
    live: NDArray[Any]
    obituaries: NDArray[Any]
    """Both of `layout.ENTRY`, [entries]; of `live` those with a size are under way."""

    def name(self, place: int) -> tuple[str, str]:
        """(endpoint, step) at a place among the names; both empty when there is none."""
        return self.names[place] if place < len(self.names) else ("", "")

    def step_of(self, entry: Any) -> int:
        """Place of the step that a live entry has come to: its head's."""
        head = int(entry["head"])
        return int(self.live[head]["step"] if head < len(self.live) else entry["step"])


def parse(page: bytes) -> Page | None:
    """The bytes of a page as a value; None when they are none of this version, or not all of one."""
    if len(page) < UNIT:
        return None
    magic, life, pid, names_bytes, live, obituaries = HEADER.unpack_from(page)
    if magic != MAGIC or names_bytes > MOST_NAMES or life >= MOST_LIFE:
        return None
    try:
        names = msgspec.json.decode(page[UNIT : UNIT + names_bytes], type=Names)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    parts = Parts.of(names_bytes, len(names), live)
    if len(page) < parts.obituaries + UNIT * obituaries:
        return None
    return Page(
        life,
        pid,
        names,
        tuple(np.frombuffer(page, "<u8", len(names), parts.deaths).tolist()),
        np.frombuffer(page, ENTRY, live, parts.entries),
        np.frombuffer(page, ENTRY, obituaries, parts.obituaries),
    )


def may_know(page: bytes, request_id: bytes) -> bool:
    """Could these bytes of a page say anything of the request? A look that costs a tenth of reading them."""
    return key(request_id)[0] in page


def deaths(page: Page, request_id: bytes, *, dead: bool) -> list[Death]:
    """The processes of this slot that died while the request was under way, each once.

    `dead`: is the process whose page it is dead itself, and nobody has written that down yet?
    """
    found: dict[int, Death] = {}
    for entry in _of(page.obituaries, request_id):
        life = int(entry["life"])
        found[life] = Death(life, int(entry["at"]), *page.name(int(entry["step"])))
    if dead:
        for entry in _of(page.live, request_id):
            found[page.life] = Death(page.life, 0, *page.name(page.step_of(entry)))
    return list(found.values())


def _of(entries: NDArray[Any], request_id: bytes) -> NDArray[Any]:
    name, size = key(request_id)
    # Both, since numpy takes zeros at the end of a key for its padding.
    found: NDArray[Any] = entries[(entries["size"] == size) & (entries["key"] == name)]
    return found
