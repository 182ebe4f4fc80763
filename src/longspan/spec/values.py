"""How single values are written in the file: durations, sizes, names, tensor types, references.

A `Form` is the one place that knows how such a value is read, shown and described to editors; fields
carry it as ``Annotated[timedelta, duration("100ms", "1h")]``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from longspan.base.dtypes import BY_OIP
from longspan.base.names import LABEL
from longspan.base.signatures import TensorType, parse_tensor_type
from longspan.base.units import format_duration, format_share, format_size, parse_duration, parse_share, parse_size
from longspan.spec.places import printable


def refused(problem: str, remedy: str = "") -> PydanticCustomError:
    """What a form raises: our words, carried through pydantic unchanged."""
    return PydanticCustomError("longspan", "{problem}", {"problem": problem, "remedy": remedy})


def show(value: Any) -> str:
    """A value as a complaint repeats it: short, printable, and without what it holds."""
    if isinstance(value, str):
        return f"'{printable(value, 60)}'"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else str(value)


@dataclass(frozen=True, eq=False)
class Form:
    """How a value is written. `read` takes the text and raises what `refused` makes."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Any]
    schema: dict[str, Any]
    pattern: str = ""
    """What text of this form matches, where that is all there is to it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        write = core_schema.plain_serializer_function_ser_schema(self.write)
        return core_schema.no_info_plain_validator_function(self.read, serialization=write)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.schema)


# ------------------------------------------------------------------------- durations, sizes and shares


def duration(least: str, most: str) -> Form:
    """A duration such as ``10s``, from `least` to `most`."""
    low, high = parse_duration(least), parse_duration(most)

    def read(value: Any) -> timedelta:
        found: timedelta = _measure(value, parse_duration, "a duration such as 250ms, 10s or 5m")
        if not low <= found <= high:
            raise refused(f"is {format_duration(found)}, outside {least} to {most}")
        return found

    pattern = r"^[0-9]{1,15}(\.[0-9]{1,6})? ?(us|ms|s|m|h|d)$"
    return Form(read, format_duration, {"type": "string", "pattern": pattern})


def size(least: str, most: str) -> Form:
    """A size in bytes such as ``64MiB``, from `least` to `most`."""
    low, high = parse_size(least), parse_size(most)

    def read(value: Any) -> int:
        found: int = _measure(value, parse_size, "a size such as 512KiB or 64MiB")
        if not low <= found <= high:
            raise refused(f"is {format_size(found)}, outside {least} to {most}")
        return found

    pattern = r"^[0-9]{1,15}(\.[0-9]{1,6})? ?(B|KiB|MiB|GiB|TiB)$"
    return Form(read, format_size, {"type": "string", "pattern": pattern})


def share(least: str, most: str) -> Form:
    """A share such as ``75%``, from `least` to `most`; 1 is the whole."""
    low, high = parse_share(least), parse_share(most)

    def read(value: Any) -> float:
        found: float = _measure(value, parse_share, "a share such as 75%")
        if not low <= found <= high:
            raise refused(f"is {format_share(found)}, outside {least} to {most}")
        return found

    return Form(read, format_share, {"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,6})? ?%$"})


def _measure(value: Any, parse: Callable[[str], Any], wanted: str) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise refused(f"is {value}, without a unit", f"Write {wanted}.")
    if not isinstance(value, str):
        raise refused(f"is {show(value)}, not {wanted}")
    try:
        return parse(value)
    except ValueError as error:
        raise refused(printable(str(error), 160)) from None


# ------------------------------------------------------------------------------------ text of one kind


def text(pattern: str, problem: str, remedy: str) -> Form:
    """Text that matches `pattern` whole; else `problem` (after the text itself) and `remedy`."""
    compiled = re.compile(pattern)

    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise refused(f"is {show(value)}, not text", remedy)
        if compiled.fullmatch(value) is None:
            raise refused(f"is {show(value)}, {problem}", remedy)
        return value

    return Form(read, str, {"type": "string", "pattern": f"^(?:{pattern})$"}, pattern)


Name = Annotated[
    str,
    text(LABEL.pattern, "which is no name", "A name has at most 63 of a-z, 0-9 and, within, hyphens: file-type."),
]
"""A lower-case DNS label (RFC 1123): it stands in URLs, folder names and metrics."""

Version = Annotated[
    str,
    text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", "which is no version", 'A version is one word in quotes, such as "1".'),
]
"""One segment of the paths ``/v2/models/NAME/versions/VERSION``."""

TENSOR_NAME = text(
    r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}",
    "which is no name of an input or output",
    "It begins with a letter, a digit or _ and has at most 128 of those and . : / -.",
)
TensorName = Annotated[str, TENSOR_NAME]
"""The name of an input or output; those of models come from the model, so more than labels is allowed."""

REFERENCE = text(
    rf"(?:{LABEL.pattern}\.)?[A-Za-z0-9_][A-Za-z0-9_.:/-]{{0,127}}",
    "which names no input or output",
    "Write STEP.NAME, such as prepare.content.",
)
Reference = Annotated[str, REFERENCE]
"""``step.name``, or a bare name of the service's own."""

Target = Annotated[
    str,
    text(
        r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*",
        "which is not MODULE:NAME",
        "Name a function or class of a module beside longspan.yaml, without .py: steps:prepare.",
    ),
]
"""``module:attribute``, a function or a class that can be imported from the file's folder."""

_TOKEN = r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}"  # noqa: S105 (RFC 6838, section 4.2; no password)
MediaRange = Annotated[
    str,
    text(
        rf"\*/\*|{_TOKEN}/(?:\*|{_TOKEN})",
        "which is no range of media types",
        'Write it in lower case, in quotes and without parameters: "*/*", "image/*" or "text/plain".',
    ),
]
MediaType = Annotated[
    str,
    text(
        rf"{_TOKEN}/{_TOKEN}",
        "which is no media type that could be answered",
        "Write one type in lower case, without parameters and without *: application/json.",
    ),
]

Sha256 = Annotated[
    str,
    text(r"sha256:[0-9a-f]{64}", "which is no digest", "Write sha256: and the 64 digits that `sha256sum FILE` prints."),
]

PackageVersion = Annotated[
    str,
    text(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,63}", "which is no version", 'Write the exact version in quotes: "1.0.3".'),
]


def _read_path(value: Any) -> str:
    """``models/tiny.onnx`` or ``package:magika/models/model.onnx``."""
    if not isinstance(value, str):
        raise refused(f"is {show(value)}, not the path of a file")
    inner = value.removeprefix("package:")
    parts = inner.split("/")
    if not value.isprintable() or "\\" in value or len(value) > 1024 or not inner:
        raise refused(f"is {show(value)}, which is no path of a file", "Write it with / between its parts.")
    if inner.startswith(("/", "~")):
        remedy = "Put the file into the folder of longspan.yaml and write its path from there."
        raise refused(f"is {show(value)}, and paths begin at the folder of longspan.yaml", remedy)
    if any(part in {"", ".", ".."} for part in parts):
        remedy = "Write the plain path, without . and .. parts, from the folder of longspan.yaml."
        raise refused(f"is {show(value)}, which leaves its folder or goes in circles", remedy)
    if inner is not value and (len(parts) < 2 or not parts[0].isidentifier() or not parts[0].isascii()):
        remedy = "Write the package as it is imported, then the path in it: package:magika/models/model.onnx."
        raise refused(f"is {show(value)}, which names no file of a package", remedy)
    return value


ModelPath = Annotated[
    str, Form(_read_path, str, {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": r"^[^/~\\][^\\]*$"})
]


def _read_tensor_type(value: Any) -> TensorType:
    if not isinstance(value, str):
        raise refused(f"is {show(value)}, not a tensor type such as FP32[batch, 16] or BYTES[1]")
    try:
        return parse_tensor_type(value, frozenset(BY_OIP))
    except ValueError as error:
        raise refused(printable(str(error), 240)) from None


_WORDS = "|".join([*BY_OIP, "TEXT", "JSON"])
_DIMENSION = "[0-9]{1,9}|~?[a-z][a-z0-9_]{0,62}"
Tensor = Annotated[
    TensorType,
    Form(
        _read_tensor_type,
        str,
        {"type": "string", "pattern": rf"^ *(?:{_WORDS}) *\[ *(?:(?:{_DIMENSION}) *(?:, *(?:{_DIMENSION}) *)*)?\] *$"},
    ),
]
"""``FP32[batch, 16]``: a data type and a shape; numbers are fixed, names are free, and after ``~`` each row's own.
``TEXT`` and ``JSON`` are BYTES."""
