"""Where what stands in the file of ids, and how an entry is written."""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

import msgspec
import numpy as np

MAGIC = b"LSIDS001"
"""Ends in the version of the layout; a reader takes any other for no page."""

KEY_BYTES = 40
"""Of an id. Envoy's has 36; of a longer one a digest stands in its place."""
LIVE = 512
"""Requests that may be noted as under way at once. One more is served like any other and goes unnoted."""
RING = 4096
"""Obituaries that are kept, the newest: eight deaths with everything under way that can be."""
DOOR = 0
"""The entry of the request that the event loop has in hand just now."""
NOWHERE = (1 << 16) - 1
"""Place of no step: the request was being read or answered."""
MOST_NAMES = 1 << 20
"""Bytes."""
MOST_LIFE = 1 << 63
"""No clock says so much."""

UNIT = 64
HEADER = struct.Struct("<8sQQIII")
"""Magic, life, pid, length of the names, live entries, obituaries."""
ENTRY = np.dtype(
    [("key", f"S{KEY_BYTES}"), ("step", "<u2"), ("head", "<u2"), ("size", "u1"), ("pad", "V3"), ("life", "<u8"),
     ("at", "<u8")]
)  # fmt: skip
"""`key`: zeros on its right. `at`: UTC nanoseconds since 1970, of an obituary; as is `life`."""
_WRITTEN = struct.Struct(f"<{KEY_BYTES}sHHB")
_STEP, _SIZE = KEY_BYTES, KEY_BYTES + 4

Names = tuple[tuple[str, str], ...]
"""(endpoint, step) of each step."""


class Parts(NamedTuple):
    """Offsets of the parts of a page, in bytes."""

    deaths: int
    entries: int
    obituaries: int

    @classmethod
    def of(cls, names_bytes: int, steps: int, live: int) -> Parts:
        deaths = UNIT + padded(names_bytes)
        entries = deaths + padded(8 * steps)
        return cls(deaths, entries, entries + UNIT * live)


def padded(size: int) -> int:
    """`size`, or as much more as makes it a multiple of `UNIT`."""
    return -(-size // UNIT) * UNIT


def encode_names(names: Names) -> bytes:
    return msgspec.json.encode(names)


def key(request_id: bytes) -> tuple[bytes, int]:
    """An id of any bytes and length as it stands in an entry, and its size there: 1 more than its length."""
    if len(request_id) <= KEY_BYTES:
        return request_id, len(request_id) + 1
    # Its size is that of no other, so that nobody can send a digest as an id.
    return hashlib.blake2b(request_id, digest_size=KEY_BYTES).digest(), KEY_BYTES + 2


def write(memory: memoryview, at: int, request_id: bytes, step: int, head: int) -> None:
    """Note a request in the entry at byte `at`. One call, and the size is its last store."""
    if len(request_id) <= KEY_BYTES:
        _WRITTEN.pack_into(memory, at, request_id, step, head, len(request_id) + 1)
    else:
        name, size = key(request_id)
        _WRITTEN.pack_into(memory, at, name, step, head, size)


def free(memory: memoryview, at: int) -> None:
    """Its request is not under way any more."""
    memory[at + _SIZE] = 0


def place_of_step(at: int) -> int:
    """Of the entry at byte `at`: where its step stands, in 16-bit words."""
    return (at + _STEP) // 2
