"""What does a plain scalar mean? YAML 1.2's core schema, narrowed to numbers that every reader can hold.

Source: YAML 1.2.2, section 10.3.2 (tag resolution).
"""

from __future__ import annotations

import math
import re
from typing import Any

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_OTHER_INT = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_INT64 = range(-(1 << 63), 1 << 63)


def resolve(text: str) -> tuple[Any, str]:
    """What a plain scalar means, and what is wrong with it (empty when nothing is)."""
    if text in _NULL:
        return None, ""
    if text in _BOOL:
        return _BOOL[text], ""
    if _OTHER_INT.fullmatch(text):
        return _whole(text, 0)
    if _INT.fullmatch(text):
        return _whole(text, 10)
    if _NOT_FINITE.fullmatch(text):
        return 0.0, f"is {text}, which is no finite number"
    if _FLOAT.fullmatch(text):
        value = float(text)
        return (value, "") if math.isfinite(value) else (0.0, "is a number too large to hold")
    return text, ""


def _whole(text: str, base: int) -> tuple[Any, str]:
    # The length is looked at first: Python refuses to make numbers of thousands of digits.
    value = int(text, base) if len(text) <= 30 else _INT64.stop
    return (value, "") if value in _INT64 else (0, "is a number of more than 64 bits")
