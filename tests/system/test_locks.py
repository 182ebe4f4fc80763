"""Who lives, told by the kernel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from longspan.system.locks import holder, take

_HOLD = """
import os, sys
from pathlib import Path
from longspan.system.locks import take
assert take(Path(sys.argv[1])) is not None
if len(sys.argv) > 2 and os.fork() == 0:
    sys.stdout.close(); os.close(1); import time; time.sleep(60)
print("held", flush=True)
sys.stdin.read()
"""


def hold(path: Path, *more: str) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path), *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def test_the_holder_is_named_and_nobody_else_gets_the_lock(tmp_path: Path) -> None:
    child = hold(tmp_path / "lock")
    assert holder(tmp_path / "lock") == child.pid
    assert take(tmp_path / "lock") is None
    child.communicate()


def test_a_killed_holder_holds_no_more_even_as_a_zombie(tmp_path: Path) -> None:
    child = hold(tmp_path / "lock")
    child.kill()
    while holder(tmp_path / "lock") is not None:  # the kernel releases it while the process dies
        pass
    assert child.returncode is None, "not reaped yet: a zombie"
    child.communicate()


def test_a_forked_child_does_not_keep_its_parents_lock(tmp_path: Path) -> None:
    parent = hold(tmp_path / "lock", "fork")
    forked = int(subprocess.check_output(["pgrep", "-P", str(parent.pid)], text=True))
    parent.communicate()
    try:
        assert holder(tmp_path / "lock") is None
    finally:
        subprocess.run(["kill", "-9", str(forked)], check=True)


def test_no_file_no_holder(tmp_path: Path) -> None:
    assert holder(tmp_path / "nothing") is None
