"""Protocol buffers, as far as it takes to find something in a large file without reading the rest of it.

Source: protobuf encoding (varints and length-delimited fields). Groups, which nothing writes any more, are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap

Span = tuple[int, int]
"""Where the bytes of a field begin and end."""


def fields(content: mmap, span: int | Span) -> Iterator[tuple[int, int | Span]]:
    """(field number, a varint's value or where the bytes of the field are). Raises `ValueError` on malformed bytes."""
    if isinstance(span, int):
        raise ValueError("a message was expected, a number came")
    at, end = span
    while at < end:
        key, at = _varint(content, at, end)
        match key & 7:
            case 0:
                value, at = _varint(content, at, end)
                yield key >> 3, value
                continue
            case 1:
                size = 8
            case 2:
                size, at = _varint(content, at, end)
            case 5:
                size = 4
            case _:
                raise ValueError("unknown wire type")
        if size > end - at:
            raise ValueError("a field runs past its message")
        yield key >> 3, (at, at + size)
        at += size


def parts(content: mmap, span: int | Span, *numbers: int) -> Iterator[tuple[int, Span]]:
    """Those of its fields that have these numbers and hold bytes."""
    for number, part in fields(content, span):
        if number in numbers and not isinstance(part, int):
            yield number, part


def text(content: mmap, span: Span) -> str:
    """A string. Raises `UnicodeDecodeError` when it is none."""
    return content[span[0] : span[1]].decode()


def _varint(content: mmap, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number runs past its message")
