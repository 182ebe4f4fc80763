"""``longspan top``: one picture where no terminal is, a living one where there is, and q ends it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from longspan.cli.main import run
from tests.cli.command import LONGSPAN
from tests.client.answering import Answering, whole

STATUS: dict[str, Any] = {
    "system": "demo", "generation": 1, "url": "http://127.0.0.1:1", "control": {"pid": 1},
    "gateway": {"pid": 1, "version": ""}, "services": ["read"],
    "units": [{
        "name": "read", "wanted": 2, "reason": "cpu 91% is over 75%", "cpu": 1.0, "memory_bytes": 1 << 30,
        "memory_guard": "watched",
        "replicas": [
            {"slot": 0, "pid": 5, "state": "ready", "generation": 1, "restarts": 0, "memory_bytes": 300 << 20},
            {"slot": 1, "pid": 6, "state": "starting", "generation": 1, "restarts": 0},
        ],
    }],
    "steps": [{
        "service": "read", "name": "cut", "unit": "read", "count": 9, "errors": 0, "skipped": 0, "seconds": 1.0,
        "waiting": 4,
    }],
}  # fmt: skip
DECISION = {"unit": "read", "at": "2026-01-01T00:00:00Z", "before": 1, "after": 2, "reason": "cpu 91% is over 75%"}
LOAD = '{"at": "2026-01-01T00:00:%02d+00:00", "bounds_seconds": [0.1], "replicas": []}'


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / ".longspan").mkdir()
    load, seconds = whole((LOAD % 0).encode()), iter(range(1, 60))
    # Each answer is a second later than the one before it.
    load.before_each = lambda: setattr(load, "chunks", ((LOAD % next(seconds)).encode(),))
    answers = {
        "GET /v1/status": whole(json.dumps(STATUS).encode()),
        "GET /v1/load": load,
        "GET /v1/scaling": whole(json.dumps([DECISION]).encode()),
    }
    with contextlib.chdir(tmp_path), Answering(answers).on_unix(Path(".longspan/control.sock")):
        yield tmp_path


def test_where_no_terminal_is_it_prints_one_picture(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["top"]) == 0
    shown = [re.split(r" {2,}", line) for line in capfd.readouterr().out.splitlines()]
    assert ["service", "requests/s", "p50", "p95", "errors/s", "in flight", "queued"] in shown
    assert ["read", "cut", "read", "0.0", "-", "0"] in shown
    assert shown[-1][0] == "read"
    assert shown[-1][2:] == ["1 to 2", "cpu 91% is over 75%"]
    assert ["read", "1 ready, 1 starting", "2", "0%", "300 MiB of 1 GiB", "cpu 91% is over 75%"] in shown


def test_json_is_one_object(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["top", "--json"]) == 0
    seen = json.loads(capfd.readouterr().out)
    assert seen["services"][0]["p95_seconds"] is None
    assert seen["decisions"][0]["after"] == 2
    assert seen["units"][0]["states"] == {"ready": 1, "starting": 1}


def test_on_a_terminal_it_lives_until_q_is_pressed(folder: Path) -> None:
    terminal, theirs = pty.openpty()
    words = {"COLUMNS": "100", "LINES": "30", "TERM": "xterm"}
    child = subprocess.Popen(
        [LONGSPAN, "top"], stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | words, start_new_session=True
    )
    os.close(theirs)
    shown, end, asked = b"", time.monotonic() + 20, False
    try:
        while time.monotonic() < end and select.select([terminal], [], [], 20)[0]:
            shown += os.read(terminal, 1 << 16)
            if b"requests/s" in shown and not asked:
                os.write(terminal, b"q")
                asked = True
    except OSError:  # EIO: the other side has closed
        assert child.wait(10) == 0
    finally:
        child.kill()
        child.wait()
        os.close(terminal)
    assert b"1 starting" in shown
    assert b"\x1b[?1049l" in shown, "the screen is as it was before"
