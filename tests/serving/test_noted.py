"""The slot's page of ids as a worker takes it over."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

from longspan.serving.noted import take_over
from longspan.wire.orders import Work

FULL = """\
import resource, sys
from longspan.base.errors import LongspanError
from longspan.serving.noted import take_over
from longspan.wire.orders import Work

resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    take_over(sys.argv[1], Work(unit="read"))
except LongspanError as error:
    print(error)
"""


def test_it_stands_on_the_disk_as_a_whole_so_that_a_full_one_is_met_here_and_not_at_a_touch(tmp_path: Path) -> None:
    take_over(str(tmp_path / "0.ids"), Work(unit="read"))
    found = os.stat(tmp_path / "0.ids")
    assert found.st_size > resource.getpagesize()
    assert found.st_blocks * 512 >= found.st_size, "it has holes: where the disk is full, touching one is SIGBUS"


def test_where_there_is_no_room_for_it_that_is_said_and_the_last_one_stays(tmp_path: Path) -> None:
    path = tmp_path / "0.ids"
    take_over(str(path), Work(unit="read"))
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == f"{path}: cannot be written: File too large. Is the disk full?\n"
    assert path.read_bytes() == before
