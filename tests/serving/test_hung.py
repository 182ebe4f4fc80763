"""Steps that do not come back: their callers are answered, and in the end their replica gives itself up."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from longspan.serving import hung
from longspan.serving.admission import SECOND
from longspan.wire import http1
from longspan.wire.exits import HUNG
from longspan.wire.orders import Limits, Work
from tests.serving.running import WITHIN, Answer, Client, Running, service, step, until

NOT_BEGUN = http1.NOT_BEGUN.decode()
BRIEF = Limits(time_seconds=0.5)
SERVICES = {
    "sync": service("sync", step("sleep", "hanging:sleep"), limits=BRIEF),
    "stubborn": service("stubborn", step("stubborn", "hanging:stubborn", call="async"), limits=BRIEF),
    "waits": service("waits", step("waits", "hanging:waits", call="async"), limits=BRIEF),
    "graph": service(
        "graph",
        step("first", "hanging:passes", call="async"),
        step("sleep", "hanging:sleep", sources={"content": "first.result"}),
        limits=BRIEF,
    ),
    "leaves": service("leaves", step("leaves", "hanging:leaves_a_thread")),
    "told": service("told", step("sleep", "hanging:sleep"), limits=BRIEF),
}
HANGING = ["sync", "stubborn", "waits", "graph"]


class Hanging:
    """Workers of one service each, one request of each hangs, and some wait behind it."""

    def __init__(self, folder: Path) -> None:
        self.workers = {name: Running(folder / name, Work(unit="unit", code="c", services=(SERVICES[name],)))
                        for name in SERVICES}  # fmt: skip
        self.first: dict[str, Future[Answer]] = {}
        self.asking: list[Client] = []
        """Of `told`: one in the middle of a request, and one more."""

    def begin(self, callers: ThreadPoolExecutor) -> None:
        for running in self.workers.values():
            running.folder.mkdir()
            running.spawn()
        for name, running in self.workers.items():
            until(running.socket.exists, f"the socket of {name}")
            self.first[name] = callers.submit(running.content, name, b"hang")
        self.first["leaves"].result(WITHIN)
        self.workers["leaves"].process.terminate()
        self.asking = [self.workers["told"].client() for _ in range(2)]
        self.asking[0].putrequest("POST", "/v1/services/told")
        self.asking[0].putheader("content-length", "4")
        self.asking[0].endheaders()
        self.asking[1].request("GET", "/v2/health/live")


@pytest.fixture(scope="module")
def hanging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hanging]:
    """Started together, since what is waited for is time."""
    all_ = Hanging(tmp_path_factory.mktemp("hanging"))
    with ThreadPoolExecutor(8) as callers:
        try:
            all_.begin(callers)
            yield all_
        finally:
            for client in all_.asking:
                client.close()
            for running in all_.workers.values():
                running.stop()


@pytest.mark.parametrize("name", HANGING)
def test_who_called_a_step_that_hangs_is_answered_at_the_time_limit(hanging: Hanging, name: str) -> None:
    answer = hanging.first[name].result(WITHIN)
    assert answer.status == 504
    assert "0.5 s" in answer.json["error"]


def test_what_waits_behind_a_hung_step_is_sent_elsewhere_when_the_replica_gives_up(hanging: Hanging) -> None:
    running, calls = hanging.workers["sync"], list[Future[Answer]]()
    with ThreadPoolExecutor(16) as callers:
        while running.process.poll() is None:
            # One after the other, so that whenever it gives up some have time left.
            calls.append(callers.submit(running.content, "sync", b"well"))
            with suppress(subprocess.TimeoutExpired):
                running.process.wait(0.05)
    answers = [call.result() for call in calls if call.exception() is None]
    assert {answer.status for answer in answers} == {503, 504}
    sent_away = [answer for answer in answers if answer.status == 503]
    assert all(answer.headers["retry-after"] == "1" for answer in sent_away)
    assert all("is being restarted" in answer.json["error"] for answer in sent_away)
    assert {answer.status for answer in answers if NOT_BEGUN in answer.headers} == {503}, "so the gateway sends them on"
    assert all(NOT_BEGUN in answer.headers for answer in sent_away)


def test_one_that_gives_up_and_is_told_to_leave_as_well_answers_who_is_asking(hanging: Hanging) -> None:
    running, asking = hanging.workers["told"], hanging.asking
    until(lambda: "gives up" in running.log, "given up")
    running.process.terminate()
    # It has heard the signal when it answers: that comes later.
    assert asking[1].request("GET", "/v2/health/ready").status == 503
    asking[0].send(b"well")
    answer = asking[0].getresponse()
    assert (answer.status, answer.getheader("retry-after")) == (503, "1")
    assert running.process.wait(WITHIN) == HUNG


def test_a_step_that_hangs_and_can_be_cancelled_costs_no_replica(hanging: Hanging) -> None:
    running = hanging.workers["waits"]
    hanging.first["waits"].result(WITHIN)
    assert running.content("waits", b"well").body == b"well"
    hanging.workers["sync"].process.wait(WITHIN)
    assert running.process.poll() is None


@pytest.mark.parametrize(
    ("name", "named", "line"),
    [
        ("sync", "sleep", "time.sleep(FOR_EVER)"),
        ("graph", "sleep", "time.sleep"),
        ("stubborn", "stubborn", "_deep_down"),
    ],
)
def test_a_replica_with_a_hung_step_says_where_it_hangs_and_ends_with_a_code_of_its_own(
    hanging: Hanging, name: str, named: str, line: str
) -> None:
    running = hanging.workers[name]
    assert running.process.wait(WITHIN) == HUNG
    (record,) = [one for one in running.records() if "gives up" in one["message"]]
    assert (record["step"], record["level"]) == (named, "error")
    assert record["message"].startswith(f"step '{named}' hangs: it ")
    assert line in record["message"]
    assert len(record["message"]) < 10_000
    assert not running.socket.exists()


def test_a_thread_that_a_step_has_left_behind_does_not_keep_the_slot(hanging: Hanging) -> None:
    running = hanging.workers["leaves"]
    assert running.process.wait(WITHIN) == 0
    assert running.records()[-1]["message"] == "a thread of a step still runs; leaving without it"


def test_nothing_is_given_up_sooner_than_a_restart_takes() -> None:
    assert hung.patience(SECOND // 10) == 3 * SECOND
    assert hung.patience(30 * SECOND) == 60 * SECOND
