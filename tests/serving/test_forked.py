"""Children that a step forks: they take no request, give no answer, and keep no socket from its next owner."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from longspan.wire.orders import Work
from tests.serving.conftest import Start
from tests.serving.running import JSON, WITHIN, Running, receive, service, step, until

FORKS = service("forks", step("forks", "forking:forks"))
SERVICES = (
    FORKS,
    service("loop", step("loop", "forking:forks_on_the_loop", call="async")),
    service(
        "stream",
        step("stream", "forking:forks_in_a_stream", gives={"result": JSON}, call="stream"),
        answers={"application/x-ndjson": "result"},
    ),
    service("others", step("others", "forking:asks_others")),
    service("same", step("same", "same")),
)


@pytest.fixture(scope="module")
def forking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("forking"), Work(unit="unit", code="c", services=SERVICES)).start()
    yield running
    running.stop()


@pytest.mark.parametrize("does", ["returns", "raises", "leaves", "waits"])
@pytest.mark.parametrize("name", ["forks", "loop"])
def test_a_child_that_comes_out_of_its_step_ends_there(forking: Running, name: str, does: str) -> None:
    with forking.client() as kept:
        child = int(kept.request("POST", f"/v1/services/{name}", does.encode()).body)
        until(lambda: not alive(child), "the child's end")
        for number in range(3):
            answer = kept.request("POST", "/v1/services/same", b"%d" % number)
            assert (answer.status, answer.body) == (200, b"%d" % number), "one answer to each, from one process"
    assert forking.process.poll() is None


def test_a_child_of_a_stream_ends_where_it_would_give_its_first_value(forking: Running) -> None:
    answer = forking.content("stream", b"")
    (child,) = answer.json if isinstance(answer.json, list) else (answer.json,)
    until(lambda: not alive(child), "the child's end")
    assert b"speaks" not in answer.body


def test_processes_that_a_step_starts_and_hears_work(forking: Running) -> None:
    answer = forking.content("others", b"hello")
    assert (answer.status, answer.body) == (200, b"56 HELLO")
    assert forking.request("GET", "/v2/health/ready").status == 200, "a signal to a child is not for the worker"


def test_a_child_that_outlives_its_worker_keeps_nobody_waiting_at_its_socket(start: Start) -> None:
    running = start(FORKS)
    with running.connect() as connected:
        child = int(running.content("forks", b"lives").body)
        try:
            assert alive(child)
            running.process.kill()
            running.process.wait(WITHIN)
            assert receive(connected) == b"", "who was connected sees at once that it is gone"
            with pytest.raises(ConnectionRefusedError):
                running.connect().close()
            second = Running(running.folder, running.work)
            second.start()
            try:
                until(lambda: _answers(second), "the next worker's answer")
            finally:
                second.stop()
            assert alive(child)
        finally:
            os.kill(child, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Is there such a process, and is it more than a zombie?"""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _answers(running: Running) -> bool:
    with suppress(OSError):
        return running.request("GET", "/v2/health/ready").status == 200
    return False
