"""What a fuzzer gives, read as a harness needs it: raw bytes, and a few bytes that steer.

The last byte says how many before it steer, so that whatever a fuzzer takes out of or puts into the raw bytes, the
steering stays what it was.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

MOST_STEERING = 16
MOST_EXPANDED = 192 << 10
"""Bytes that repetitions may make."""
MOST_TEXT = 4000
"""Characters of an error text: what it quotes of its input is shortened."""

_REPEATED = re.compile(rb"\x01(.)(.)", re.DOTALL)
_OURS = [str(Path(__file__).parents[2]), sys.prefix, "site-packages", "Traceback (most recent", " object at 0x"]


def steered(data: bytes) -> tuple[bytes, bytes]:
    """(steering, raw)."""
    if not data:
        return b"", b""
    end = len(data) - 1
    begin = max(0, end - data[-1] % MOST_STEERING)
    return data[begin:end], data[:begin]


def steer(raw: bytes, steering: bytes = b"") -> bytes:
    """The reverse of `steered`: for seeds."""
    assert len(steering) < MOST_STEERING
    return raw + steering + bytes([len(steering)])


def expanded(raw: bytes) -> bytes:
    """With repetitions written out: 0x01, a byte, n stands for 256 n of that byte. So bounds come within reach."""
    parts: list[bytes] = []
    size = at = 0
    for match in _REPEATED.finditer(raw):
        parts += (raw[at : match.start()], match[1] * (256 * match[2][0]))
        at = match.end()
        size += len(parts[-1])
        if size > MOST_EXPANDED:
            break
    return b"".join((*parts, raw[at:]))


def cut(raw: bytes, steering: bytes) -> list[bytes]:
    """`raw` in pieces; each steering byte says how long the next is. One of 0: all the rest byte by byte."""
    pieces, at = [], 0
    for size in steering:
        if size == 0:
            pieces += [raw[at + index : at + index + 1] for index in range(min(len(raw) - at, 2000))]
            at += len(pieces[-1:]) and min(len(raw) - at, 2000)
            break
        pieces.append(raw[at : at + size])
        at += size
    return [piece for piece in (*pieces, raw[at:]) if piece]


def sound(text: str, given: bytes) -> None:
    """May an error say this to whoever sent `given`? Bounded, sayable, and nothing of the machine in it."""
    assert text, "an error has no text"
    assert len(text) <= MOST_TEXT, f"an error text of {len(text)} characters"
    sayable = text.encode("utf-8", "backslashreplace")
    for mark in _OURS:
        assert mark not in text or mark.encode() in given, f"{mark!r} in an error text: {sayable[:200]!r}"
