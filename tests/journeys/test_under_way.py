"""What becomes of a request that is being worked for when the one who works for it, or control, is killed?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from benchmarks.system import System, kill
from longspan.base.errors import RequestError
from longspan.client.sync import Client

FILE = """\
system: {name: under-way}
services:
  report:
    settle: 0s
    accepts: {"*/*": wait.content}
    answers: {text/plain: wait.result}
    steps:
      wait: {run: "waiting:wait", repeatable: true}
  payment:
    settle: 0s
    accepts: {"*/*": wait.content}
    answers: {text/plain: wait.result}
    steps:
      wait: {run: "waiting:wait"}
gateway: {port: 0}
"""
STEP = '''\
import asyncio
import os


async def wait(content: bytes) -> str:
    """Tell that it has begun, and answer when the file named by the request is there."""
    open(content.decode() + ".begun", "w").close()
    while not os.path.exists(content.decode()):
        await asyncio.sleep(0.02)
    return "there"
'''


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("under-way")
    (folder / "longspan.yaml").write_text(FILE)
    (folder / "waiting.py").write_text(STEP)
    with System(folder) as system:
        system.up()
        yield system


class Asking:
    """A request in a thread: under way until `let_go`."""

    def __init__(self, system: System, service: str) -> None:
        self.sign, self.begun = (system.folder / name for name in ("go-on", "go-on.begun"))
        for path in (self.sign, self.begun):
            path.unlink(missing_ok=True)
        self.answer: bytes | RequestError = b""
        self._send: Callable[[], bytes] = lambda: (
            Client(system.status().url, retry=None).send(service, str(self.sign).encode(), media_type="text/plain").body
        )
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        system.until("being worked for", lambda _: self.begun.exists())

    def _ask(self) -> None:
        try:
            self.answer = self._send()
        except RequestError as error:
            self.answer = error

    @property
    def waits(self) -> bool:
        return self._thread.is_alive()

    def let_go(self) -> bytes | RequestError:
        """Let the step end; what the caller got."""
        self.sign.touch()
        self._thread.join(20)
        return self.answer


def test_it_is_answered_though_control_was_killed_and_came_back_meanwhile(system: System) -> None:
    asking, control = Asking(system, "report"), system.status().control.pid
    kill(control)
    assert system.up().control.pid != control
    assert asking.waits
    assert asking.let_go() == b"there"


def test_it_is_run_again_when_its_replica_dies_and_every_step_is_repeatable(system: System) -> None:
    asking = Asking(system, "report")
    kill(system.replicas("report")[0].pid)
    system.until_ready()
    assert asking.waits
    assert asking.let_go() == b"there"


def test_it_is_503_with_the_reason_when_a_step_is_not_repeatable_and_the_next_one_is_served(system: System) -> None:
    asking = Asking(system, "payment")
    kill(system.replicas("payment")[0].pid)
    refused = asking.let_go()
    # The next one was never sent to the dead replica, so it may wait for the one that comes back.
    after = Client(system.status().url, retry=None).send("payment", str(asking.sign).encode(), media_type="text/plain")
    assert isinstance(refused, RequestError)
    assert refused.status == 503
    assert "repeatable" in refused.problem
    assert after.body == b"there"
