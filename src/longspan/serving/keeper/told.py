"""What a keeper says: JSON lines in the slot's log, as a worker's. What the server prints stands there as it is."""

from __future__ import annotations

import contextlib
import sys
from datetime import UTC, datetime

import msgspec


def event(level: str, message: str) -> None:
    """Write one record. `level`: ``info``, ``warning``, ``error``. Never raises: a full disk must not end a server."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    record = msgspec.json.encode({"at": at, "level": level, "message": message})
    with contextlib.suppress(OSError, ValueError):
        # One write of the whole line: the server writes to the same file.
        sys.stderr.buffer.write(record + b"\n")
        sys.stderr.buffer.flush()
