"""Names and their types: lower-case DNS labels (RFC 1123), one namespace for services and models."""

from __future__ import annotations

import re
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
