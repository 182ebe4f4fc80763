"""Does a control process that answers once say what it could not do, however it ended?"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from longspan.base.errors import Complaint, Invalid
from longspan.cli.init import STARTER
from longspan.client.messages import Checked, Problem
from longspan.client.once import once, refusal
from longspan.client.place import Place

HELLO = Path(__file__).parents[2] / "examples" / "hello"


def test_a_problem_on_its_output_is_the_error() -> None:
    complaint = Complaint("longspan.yaml", 1, 1, "system", "is missing")
    problem = Problem(title="invalid", status=422, detail="one", exit=2, complaints=(complaint,))
    error = refusal(msgspec.json.encode(problem) + b"\n", b"", 2)
    assert isinstance(error, Invalid)
    assert error.complaints == (complaint,)


def test_of_a_crash_the_last_words_are_told() -> None:
    error = refusal(b"", b"Traceback (most recent call last):\n  ...\nMemoryError: no room\n", 1)
    assert str(error) == "control stopped with exit code 1: MemoryError: no room"
    assert "said nothing" in str(refusal(b"", b"", -9))


def test_modules_in_the_users_folder_never_stand_in_for_pythons_own(tmp_path: Path) -> None:
    for name in STARTER:
        shutil.copy(HELLO / name, tmp_path)
    for name in ("types.py", "logging.py", "msgspec.py", "sqlalchemy.py"):
        (tmp_path / name).write_text("raise RuntimeError('the wrong one')\n")
    checked = once(Place.named(str(tmp_path / "longspan.yaml"), ""), "check", Checked)
    assert [step.name for service in checked.services for step in service.steps] == ["read", "classify"]
