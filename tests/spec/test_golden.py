"""What the author of a wrong file is told, as text that a person can review.

Each ``tests/golden/complaints/*.txt`` holds a file, what its models and steps were described as (where it comes
so far), and the complaints. After a change on purpose::

    GOLDEN=write python -m pytest tests/spec/test_golden.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from longspan.base.errors import Invalid
from longspan.spec.fits import check
from longspan.spec.load import load_text
from tests.spec.notation import described

GOLDEN = Path(__file__).parents[1] / "golden" / "complaints"
CASES = sorted(path.stem for path in GOLDEN.glob("*.txt"))
DESCRIBED, COMPLAINTS = "--- described as\n", "--- complaints\n"


def parts(case: str) -> tuple[str, str, str]:
    above, _, complaints = (GOLDEN / f"{case}.txt").read_text().partition(COMPLAINTS)
    text, _, lines = above.partition(DESCRIBED)
    return text, lines, complaints


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_file_is_told_all_that_is_wrong_with_it(case: str) -> None:
    text, lines, complaints = parts(case)
    with pytest.raises(Invalid) as raised:
        check(load_text(text, "longspan.yaml"), described(lines))
    told = f"{raised.value}\n"
    if os.environ.get("GOLDEN") == "write":
        (GOLDEN / f"{case}.txt").write_text("".join((text, lines and DESCRIBED, lines, COMPLAINTS, told)))
    assert told == complaints


def test_no_complaint_speaks_of_pydantic_or_of_a_parser() -> None:
    told = "".join(parts(case)[2] for case in CASES)
    assert not [word for word in ("Input should", "pydantic", "<block", "<scalar", "<stream", "type=") if word in told]


def test_every_complaint_but_that_of_size_has_a_line_and_a_column() -> None:
    for case in CASES:
        heads = [line for line in parts(case)[2].splitlines() if not line.startswith("    ")]
        assert heads
        assert all(line.startswith("longspan.yaml:") and line.split(":")[2].strip().isdigit() for line in heads)
