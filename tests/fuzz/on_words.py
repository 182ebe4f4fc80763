"""Small texts of the file: durations, sizes, shares, tensor types, hours, names, paths, media types.

Held: a value, or a `ValueError` (for what pydantic reads, an error of its own) that can be said; what a value is
written as reads as the same value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from longspan.base.dtypes import BY_OIP
from longspan.base.names import closest, is_label
from longspan.base.signatures import parse_tensor_type
from longspan.base.units import format_duration, format_share, format_size, parse_duration, parse_share, parse_size
from longspan.spec import values
from longspan.spec.hours import WeeklyHours, parse_hours
from longspan.spec.scalars import resolve
from tests.fuzz.given import expanded, sound, steered

_DTYPES = frozenset(BY_OIP)
_MOST_BYTES = 900
"""Parsers of `base` quote what they were given; who calls them shortens it."""
PARSERS: tuple[tuple[Callable[[str], Any], Callable[[Any], str]], ...] = (
    (parse_duration, format_duration),
    (parse_size, format_size),
    (parse_share, format_share),
    (parse_hours, str),
    (lambda text: parse_tensor_type(text, _DTYPES), str),
)
FORMS: tuple[Any, ...] = (
    values.Name,
    values.Version,
    values.TensorName,
    values.Reference,
    values.Target,
    values.MediaRange,
    values.MediaType,
    values.Sha256,
    values.PackageVersion,
    values.ModelPath,
    values.Tensor,
    WeeklyHours,
)


@cache
def _adapters() -> list[TypeAdapter[Any]]:
    return [TypeAdapter(form) for form in FORMS]


def run(data: bytes) -> None:
    """Raises when something that is held above does not."""
    steering, raw = steered(data)
    raw = expanded(raw)[:_MOST_BYTES]
    text = raw.decode("utf-8", "replace")
    parse, write = PARSERS[(steering[0] if steering else 0) % len(PARSERS)]
    try:
        value = parse(text)
    except ValueError as error:
        sound(str(error), raw)
    else:
        written = write(value)
        assert parse(written) == value, f"{text!r} is written {written!r}, which is {parse(written)!r}"
        assert write(parse(written)) == written
    adapter = _adapters()[(steering[0] if steering else 0) % len(FORMS)]
    try:
        value = adapter.validate_python(text)
    except ValidationError as error:
        for one in error.errors():
            sound(one["msg"], raw)
            assert one["msg"].isprintable(), f"unprintable: {one['msg']!r}"
    else:
        assert adapter.validate_python(adapter.dump_python(value)) == value
    value, wrong = resolve(text)
    assert value is None or isinstance(value, str | int | float)
    assert not wrong or value == 0
    assert closest(text, BY_OIP) in (None, *BY_OIP)
    assert is_label(text) <= (text.isascii() and len(text) <= 63)
