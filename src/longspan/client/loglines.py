"""How does a log line read? Workers and the gateway write JSON; people get a line, tracebacks their own lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

_LONGEST_BYTES = 1 << 20
"""A line without an end is cut here, so that it cannot fill our memory."""
_COMMANDS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")


def split(pieces: Iterable[bytes]) -> Iterator[str]:
    """Whole lines out of pieces that end anywhere."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)
        if len(rest) > _LONGEST_BYTES:
            yield rest.decode(errors="replace")
            rest = b""
    if rest:
        yield rest.decode(errors="replace")


def readable(line: str) -> list[str]:
    """One line of ``SOURCE | TEXT`` (or bare text) -> the lines to show; each keeps its source."""
    source, bar, text = line.partition(" | ")
    if not bar:
        source, text = "", line
    return [plain(f"{source}{bar}{part}") for part in _told(text)]


def plain(line: str) -> str:
    """A line that may go to a terminal: what would command it is quoted. Steps print what clients have sent."""
    return _COMMANDS.sub(lambda match: f"\\x{ord(match[0]):02x}", line)


def _told(text: str) -> list[str]:
    if not text.startswith("{"):
        return [text]
    try:
        record = json.loads(text)
    except ValueError:
        # Cut off in the middle, as the last lines of a dead replica may be: at least let a traceback be lines.
        return _indented(text.replace("\\n", "\n").replace('\\"', '"'))
    if not isinstance(record, dict):
        return [text]
    if "message" in record:
        return _indented(_event(record))
    return [_access(record)] if {"method", "path", "status"} <= record.keys() else [text]


def _event(record: dict[str, Any]) -> str:
    at = str(record.get("at", "")).replace("+00:00", "Z")
    words = [at, record.get("level", ""), record.get("step", "")]
    if request := record.get("request"):
        words.append(f"[{request}]")
    if dropped := record.get("dropped"):
        words.append(f"({dropped} records were left out before this one)")
    return " ".join(str(word) for word in (*words, record["message"]) if word)


def _access(record: dict[str, Any]) -> str:
    tried = f" after {record['attempts']} attempts" if (record.get("attempts") or 0) > 1 else ""
    flags = f" {record['flags']}" if record.get("flags") not in (None, "-", "") else ""
    took = f"{record.get('ms')} ms, {record.get('received')} B in, {record.get('sent')} B out"
    where = f" by {record['replica']}" if record.get("replica") else ""
    asked = f"{record['method']} {record['path']} {record['status']}{flags}"
    return f"{record.get('time', '')} [{record.get('request')}] {asked}: {took}{where}{tried}"


def _indented(text: str) -> list[str]:
    first, *more = text.splitlines() or [""]
    return [first, *(f"    {line}" for line in more)]
