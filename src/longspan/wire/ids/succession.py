"""The page of a slot's next process, made of what the last one left."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from longspan.wire.ids.layout import (
    ENTRY,
    HEADER,
    LIVE,
    MAGIC,
    NOWHERE,
    RING,
    UNIT,
    Names,
    Parts,
    encode_names,
)
from longspan.wire.ids.reading import Page


class Left(NamedTuple):
    """What was under way when the last process of a slot died."""

    requests: int
    """How many; 0 when it left in order, or when there was none."""
    steps: Names
    """(endpoint, step) of those that ran."""


def succeed(old: Page | None, names: Names, *, life: int, pid: int, now: int) -> tuple[bytes, Left]:
    """The page of the next process, and what the last one died of.

    `old`: the last one's, None when there is none. `life`: UTC nanoseconds since 1970, made later than the last one's
    if it is not; `now`: the moment that is written down for the last one's death.
    """
    text = encode_names(names)
    left = np.empty(0, ENTRY)
    steps: Names = ()
    obituaries = left
    deaths = dict.fromkeys(names, 0)
    if old is not None:
        life = max(life, old.life + 1)
        moved = _moved(old.names, names)
        left = old.live[old.live["size"] > 0].copy()
        left["step"] = [old.step_of(entry) for entry in left]
        steps = tuple(sorted({old.name(place) for place in left["step"].tolist() if place < len(old.names)}))
        left["life"], left["at"] = old.life, now
        obituaries = np.concatenate([old.obituaries, left])[-RING:]
        obituaries["step"] = [moved.get(place, NOWHERE) for place in obituaries["step"].tolist()]
        for name, count in zip(old.names, old.deaths, strict=True):
            if name in deaths:
                deaths[name] = min(count + (name in steps), (1 << 63) - 1)
    parts = Parts.of(len(text), len(names), LIVE)
    page = bytearray(parts.obituaries + UNIT * len(obituaries))
    HEADER.pack_into(page, 0, MAGIC, life, pid, len(text), LIVE, len(obituaries))
    page[UNIT : UNIT + len(text)] = text
    page[parts.deaths : parts.deaths + 8 * len(names)] = np.array([deaths[name] for name in names], "<u8").tobytes()
    page[parts.obituaries :] = obituaries.tobytes()
    return bytes(page), Left(len(left), steps)


def _moved(old: Names, new: Names) -> dict[int, int]:
    """Place of a step then -> now. What is not there any more has none."""
    places = {name: place for place, name in enumerate(new)}
    return {place: places[name] for place, name in enumerate(old) if name in places}
