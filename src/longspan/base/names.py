"""Names and their types: lower-case DNS labels (RFC 1123), one namespace for services and models.

`closest` guesses which name was meant; whoever refuses a name says so with it: "did you mean ...?".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NewType

UnitName = NewType("UnitName", str)
ServiceName = NewType("ServiceName", str)
ModelName = NewType("ModelName", str)
StepName = NewType("StepName", str)
ReplicaId = NewType("ReplicaId", str)
"""UUIDv7 of one process in one slot."""
Digest = NewType("Digest", str)
"""64 lower-case hexadecimal digits: a SHA-256."""

LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def is_label(text: str) -> bool:
    """Is `text` a lower-case DNS label: at most 63 of a-z, 0-9 and inner hyphens?"""
    return LABEL.fullmatch(text) is not None


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that `name` was most likely meant to be; None when none is near.

    Case, hyphens and underscores count for nothing: ``readyWithin`` and ``ready-within`` are near
    ``ready_within``. Only the first 64 characters are compared, so a long name costs no more.
    """
    plain = {_plain(candidate): candidate for candidate in sorted(candidates, reverse=True)}
    found = get_close_matches(_plain(name), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    return name[:64].lower().replace("-", "").replace("_", "")
