"""What a request held is free once nobody waits for it, whatever became of it: not when the collector comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from longspan.wire.orders import Work
from tests.serving.calling import apart, unit
from tests.serving.running import Running, service, step

LARGE = b"x" * (8 << 20)
OFTEN = 40
ROOM = 150 << 20
"""Bytes: what a few bodies take, and a fraction of what all do."""


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("failing")
    first, behind = step("first", "same"), {"content": "first.result"}
    fail = step("fail", "odd:weigh")
    remote = msgspec.structs.replace(apart(fail), inputs=behind)
    branch = step("branch", "same", sources=behind)
    both = {"failed": "fail.result", "given": "branch.result"}
    services = (
        service("chain", fail),
        service("tasks", first, step("later", "odd:weigh_later", sources=behind, call="async")),
        service("apart", first, remote),
        service(
            "branches", first, step("fail", "odd:weigh", sources=behind), branch, outputs=both, answers={"*/*": "given"}
        ),
    )
    callee = Running(folder, Work(unit="callee", code="code", services=(unit(fail),))).start()
    work = Work(unit="entry", code="code", services=services, calls=("callee",))
    entry = Running(folder, work, slot=1, egress=callee.orders.socket).start()
    yield entry
    entry.stop()
    callee.stop()


def resident(running: Running) -> int:
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmRSS"))


@pytest.mark.parametrize("name", ["chain", "tasks", "apart", "branches"])
def test_requests_that_fail_leave_nothing_behind(failing: Running, name: str) -> None:
    before = resident(failing)
    with failing.client() as client:
        for _ in range(OFTEN):
            assert client.request("POST", f"/v1/services/{name}", LARGE).status == 500
    assert resident(failing) - before < ROOM
