"""What the gateway does not do: run a step twice that nobody called repeatable."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.system import System, kill
from longspan.base.errors import RequestError
from longspan.client.gateway import Gateway
from tests.journeys.services import Tiny

FILE = """\
system: {name: one-shot}
services:
  pay:
    settle: 0s
    accepts: {"*/*": wait.content}
    answers: {text/plain: wait.result}
    steps:
      wait: {run: "waiting:wait"}
gateway: {port: 0}
"""


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    (tmp_path / "longspan.yaml").write_text(FILE)
    (tmp_path / "waiting.py").write_text(Tiny.WAITING)
    with System(tmp_path) as system:
        system.up()
        yield system


def test_a_request_under_way_in_a_killed_replica_is_503_with_the_reason_and_the_next_is_served(system: System) -> None:
    sign, begun = (system.folder / name for name in ("go-on", "go-on.begun"))
    gateway, refused = Gateway(system.status().url), list[RequestError]()

    def ask() -> None:
        with pytest.raises(RequestError) as caught:
            gateway.send("pay", str(sign).encode(), media_type="text/plain")
        refused.append(caught.value)

    asking = threading.Thread(target=ask)
    asking.start()
    system.until("being worked for", lambda _: begun.exists())
    kill(system.replicas("pay")[0].pid)
    asking.join(20)
    assert [error.status for error in refused] == [503]
    assert "repeatable" in refused[0].problem
    sign.touch()
    # Its connection was never opened, so trying again is safe: it waits for the replica that comes back.
    assert gateway.send("pay", str(sign).encode(), media_type="text/plain").body == b"there"
