"""Modules that do at import what they must not: each is a complaint that says which step brought it."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from longspan.base.errors import Invalid
from longspan.capabilities.generations.adapters.describing import Failed, describe
from longspan.capabilities.generations.adapters.folder import Folder
from longspan.wire.orders import Described, DescribeOrders

GOOD = "def good(content: bytes) -> bytes: ...\n"
BAD = {
    "hangs": "while True: pass",
    "prints": "while True: print('x' * 100_000)",
    "prints_below": "import os\nwhile True: os.write(1, b'x' * 100_000)",
    "exits": "import os\nprint('farewell', flush=True)\nos._exit(7)",
    "dies": "import os\nos.kill(os.getpid(), 11)",
    "garbles": "import os\nfor n in range(3, 64):\n    try: os.write(n, b'}')\n    except OSError: pass",
}
SAYS = {
    "hangs": "takes longer than 3 s to import",
    "prints": "prints more than 64 MiB while it is imported",
    "prints_below": "prints more than 64 MiB while it is imported",
    "exits": "ended the process with exit code 7: farewell",
    "dies": "ended the process with signal 11",
    "garbles": "was garbled",
}


def orders(*modules: str) -> DescribeOrders:
    return DescribeOrders(code_path=".", models={}, runs={f"hello.{name}": f"{name}:good" for name in modules})


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Described | Failed]:
    """What came of each, two at a time."""
    folder = tmp_path_factory.mktemp("code")
    (folder / "fine.py").write_text(GOOD)
    for name, text in BAD.items():
        (folder / f"{name}.py").write_text(text)

    def one(name: str) -> Described | Failed:
        return describe(orders("fine", name), folder, os.environ, seconds=3.0 if name == "hangs" else 60.0)

    with ThreadPoolExecutor(2) as callers:
        return dict(zip(BAD, callers.map(one, BAD), strict=True))


@pytest.mark.parametrize("name", BAD)
def test_a_module_that_misbehaves_at_import_is_named_and_bounded(
    failed: dict[str, Described | Failed], name: str
) -> None:
    found = failed[name]
    assert isinstance(found, Failed)
    assert SAYS[name] in found.problem
    if name != "garbles":
        assert found.key == f"run:hello.{name}"


def test_what_a_module_has_started_goes_with_the_child_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    (tmp_path / "forks.py").write_text(f"import os, time\nif not os.fork():\n    time.sleep(600)\n{GOOD}")
    begun = time.monotonic()
    assert isinstance(describe(orders("forks"), tmp_path, os.environ), Described)
    assert time.monotonic() - begun < 50, "the pipes that the fork holds were not waited for"
    while left := [pid for pid in os.listdir("/proc") if pid.isdigit() and _works_in(pid, tmp_path)]:
        assert time.monotonic() - begun < 50, f"{left} live on"
        time.sleep(0.01)  # who was killed takes a moment to go


def test_the_complaint_points_at_the_step_that_names_the_module(tmp_path: Path) -> None:
    (tmp_path / "exits.py").write_text(BAD["exits"])
    (tmp_path / "longspan.yaml").write_text(
        "system: {name: hello}\nservices:\n  hello:\n    steps:\n      first: {run: 'exits:good'}\n"
    )
    with pytest.raises(Invalid) as raised:
        Folder(tmp_path / "longspan.yaml", tmp_path / ".longspan", os.environ).prove()
    (complaint,) = raised.value.complaints
    assert (complaint.line, complaint.at) == (5, "services.hello.steps.first.run")
    assert "exit code 7: farewell" in complaint.problem


def _works_in(pid: str, folder: Path) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" and Path(os.readlink(f"/proc/{pid}/cwd")) == folder
    except OSError:
        return False
