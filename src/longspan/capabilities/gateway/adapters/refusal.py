"""Why did Envoy refuse what it was told, or die? It tells only its log.

The configuration dump holds the reason for a refused listener, but not for routes, clusters or
endpoints; the warning of the file watcher is the same for all.
"""

from __future__ import annotations

import re
from pathlib import Path

_TAIL_BYTES = 64 << 10
_WARNING = re.compile(
    r"Filesystem config update (?:rejected|failure): (.*?)(?=^\[\d{4}-\d\d-\d\d |\Z)", re.DOTALL | re.MULTILINE
)
_LONGEST = 600


def last_refusal(log: Path) -> str:
    """The last refusal in Envoy's log, in one line of at most 600 characters; empty when there is none."""
    found = _WARNING.findall(_tail(log))
    reason = " ".join(found[-1].split()) if found else ""
    # It quotes the whole message before it says what is wrong with it.
    return reason if len(reason) <= _LONGEST else f"... {reason[-_LONGEST:]}"


def last_line(log: Path) -> str:
    """The last line of Envoy's log, of at most 600 characters."""
    return (_tail(log).strip().splitlines() or ["its log is empty"])[-1][-_LONGEST:]


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
