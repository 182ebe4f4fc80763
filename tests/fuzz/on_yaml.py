"""``longspan.yaml``: any text.

Held: a system or `Invalid`, never another exception; every complaint stands within the text and can be printed; what
was accepted is accepted again as written by ourselves, and is the same.
"""

from __future__ import annotations

import json

from longspan.base.errors import Complaint, Invalid
from longspan.spec.load import COMPLAINT_LIMIT, Loaded, load_text
from tests.fuzz.given import expanded, sound

NAME = "longspan.yaml"


def run(data: bytes) -> None:
    """Raises when something that is held above does not."""
    raw = expanded(data)
    try:
        loaded = load_text(raw, NAME)
    except Invalid as invalid:
        assert 0 < len(invalid.complaints) <= COMPLAINT_LIMIT
        for complaint in invalid.complaints:
            _within(complaint, raw)
        return
    _alike(loaded)
    text = raw.decode().removeprefix("\ufeff")
    most = len(text.split("\n")) + text.count("\r") + text.count("\x85") + text.count("\u2028") + text.count("\u2029")
    for line, column in loaded.positions.values():
        assert 1 <= line <= most
        assert column >= 1


def _within(complaint: Complaint, raw: bytes) -> None:
    assert complaint.file == NAME
    assert complaint.problem
    breaks = sum(raw.count(mark) for mark in (b"\n", b"\r", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9"))
    assert 0 <= complaint.line <= breaks + 1, f"line {complaint.line} of {breaks + 1}"
    assert (complaint.line == 0) == (complaint.column == 0)
    assert complaint.column <= len(raw) + 1
    said = str(complaint)
    sound(complaint.problem, raw)
    said.encode()
    assert all(character.isprintable() or character == "\n" for character in said), f"unprintable: {said!r}"


def _alike(loaded: Loaded) -> None:
    written = json.dumps(loaded.system.model_dump(mode="json", by_alias=True, exclude_unset=True), ensure_ascii=False)
    again = load_text(written, NAME)
    assert again.system == loaded.system, "another system when it is written again"
