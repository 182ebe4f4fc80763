"""What a worker writes: JSON lines on its standard error, which control has opened as the replica's log file.

``{"at": ..., "level": ..., "request": ..., "step": ..., "message": ...}``: the worker's own events, tracebacks of
steps, and whatever step code sends to `logging`. What it prints passes through as it is. At most `MOST` records a
second are written; how many were left out stands in the next one. Of a message longer than `LONGEST` the middle is
left out.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from longspan.serving.graph import step_name
from longspan.serving.runtimes import redact, request_id

MOST = 200
"""Records a second. A service that fails at each of thousands of requests must not fill the disk with one error."""

LONGEST = 16 << 10
"""Characters of a message. A `KeyError` may quote all of a body, and so would each of its records."""


class _Flow:
    """How many records this second has seen, and how many were left out."""

    second = 0.0
    written = 0
    dropped = 0


def event(level: str, message: str, *, request: str = "", step: str = "") -> None:
    """Write one record. `level`: ``info``, ``warning``, ``error``. Never raises: a full disk must not stop serving."""
    now = monotonic()
    if now - _Flow.second >= 1.0:
        _Flow.second, _Flow.written = now, 0
    if _Flow.written >= MOST:
        _Flow.dropped += 1
        return
    _Flow.written += 1
    record: dict[str, object] = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level}
    if request:
        record["request"] = request
    if step:
        record["step"] = step
    record["message"] = _shortened(redact(message))
    if _Flow.dropped:
        record["dropped"], _Flow.dropped = _Flow.dropped, 0
    try:
        sys.stderr.write(json.dumps(record, ensure_ascii=False) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        _Flow.dropped += 1


def _shortened(message: str) -> str:
    """What stands at the end of a traceback is told as well as where it began."""
    left_out, half = len(message) - LONGEST, LONGEST // 2
    return message if left_out <= 0 else f"{message[:half]} [{left_out} characters] {message[-half:]}"


def failure(error: BaseException, *, request: str, step: str) -> None:
    """A step raised: its traceback, from the frame of the step on, under the request's id."""
    cause = error.__cause__ or error
    event("error", "".join(traceback.format_exception(cause)).rstrip(), request=request, step=step)


class Records(logging.Handler):
    """`logging` of step code and libraries, as records with the request and the step that were running."""

    def emit(self, record: logging.LogRecord) -> None:
        message = self.format(record)
        event(record.levelname.lower(), message, request=request_id.get(), step=step_name.get())


class _Steady(io.FileIO):
    """Where what cannot be written is counted and dropped: a step that prints to a full disk does not fail."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            _Flow.dropped += 1
            return len(memoryview(data).cast("B"))


def _steady(descriptor: int) -> io.TextIOWrapper:
    raw = io.BufferedWriter(_Steady(descriptor, "wb", closefd=False))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", line_buffering=True)


def install() -> None:
    """Lines leave at once and never fail; `logging` from level info on becomes records."""
    sys.stdout, sys.stderr = _steady(1), _steady(2)
    logging.basicConfig(level=logging.INFO, handlers=[Records()], format="%(message)s", force=True)
