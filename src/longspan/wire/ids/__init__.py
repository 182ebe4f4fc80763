"""Who is under way in a worker, and of whom its slot's processes died: a small file that outlives the process.

A worker writes the id of a request when code of a step begins to run for it, and takes it away afterwards; nothing
else is asked of the ordinary request. What still stands there when the process is dead was under way when it died. The
next process of the slot makes the file anew (`succeed`), with that among its *obituaries*; `deaths` reads how many
died of a request, and in which step. One request that was under way for several at one death counts once: a death is a
*life* that ended.

Layout, little-endian, each part padded to 64 bytes:

====================  ============================================================================================
header                magic, life, pid, length of the names, how many entries are live ones, how many obituaries
names                 JSON: (endpoint, step) of each step; an entry tells a step by its place among them
deaths                for each step how many processes of the slot died while it ran, 64-bit integers
entries               `LIVE` of 64 bytes: key, step, head, size; a size of 0 is a free one
obituaries            the same, with the life that ended and when; the newest last
====================  ============================================================================================

Requests that run together have one *head*, the first of them, whose step is the step of all: a run goes on to its next
step by one store. The size is written last, so an entry half written is a free one. A file is complete or not there:
it is made beside its name and renamed over it, and its length never changes.
"""

from __future__ import annotations

from longspan.wire.ids.layout import DOOR, LIVE, NOWHERE, RING, Names, free, key, place_of_step, write
from longspan.wire.ids.reading import Death, Page, deaths, may_know, parse
from longspan.wire.ids.succession import Left, succeed

__all__ = [
    "DOOR", "LIVE", "NOWHERE", "RING", "Death", "Left", "Names", "Page", "deaths", "free", "key", "may_know",
    "parse", "place_of_step", "succeed", "write",
]  # fmt: skip
