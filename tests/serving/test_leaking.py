"""What a step may use up: the worker says so and leaves while it can still answer; its output is cut meanwhile."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from longspan.serving import output
from longspan.serving.guard import MOST_THREADS, RESERVE, runs_out
from longspan.wire.exits import MANY_THREADS, NO_DESCRIPTORS
from longspan.wire.orders import Work
from tests.serving.conftest import Start
from tests.serving.running import WITHIN, Running, service, step, until

FILES = service("files", step("files", "leaking:files"))
PRINTS = service("prints", step("prints", "leaking:prints"))
FAIL = service("fail", step("fail", "fail"))
MIB = 1 << 20


@pytest.fixture
def few_descriptors(tmp_path: Path) -> Running:
    running = Running(tmp_path, Work(unit="unit", code="c", services=(FILES,)))
    running.start()
    resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (256, 256))
    return running


def test_a_worker_whose_descriptors_run_out_answers_until_it_has_left(few_descriptors: Running) -> None:
    running, statuses = few_descriptors, []
    try:
        with running.client() as kept:
            while running.process.poll() is None:
                try:
                    answer = kept.request("POST", "/v1/services/files", b"40")
                except OSError:
                    break  # it has left
                statuses.append(answer.status)
                assert len(statuses) < 100, "it goes in time"
                if answer.status == 500 or answer.headers.get("connection") == "close":
                    break
        assert statuses[0] == 200
        assert running.process.wait(WITHIN) == NO_DESCRIPTORS
        (told,) = [one["message"] for one in running.records() if "descriptors are open" in one["message"]]
        assert "/dev/null (" in told
        assert "This replica gives up" in told
    finally:
        running.stop()


def test_connections_alone_are_no_leak() -> None:
    assert not runs_out(taken=1020, connections=960, most=1024)
    assert runs_out(taken=900, connections=20, most=1024)
    assert runs_out(taken=1024 - RESERVE, connections=600, most=1024)
    assert not runs_out(taken=30, connections=5, most=64)


def test_a_worker_with_too_many_threads_leaves(start: Start) -> None:
    running = start(service("threads", step("threads", "leaking:threads")))
    assert running.content("threads", b"%d" % (MOST_THREADS + 1)).status == 200
    assert running.process.wait(WITHIN) == MANY_THREADS
    assert "threads run here" in running.log


@pytest.mark.parametrize("way", ["print", "below", "child"])
def test_a_step_that_prints_without_end_fills_no_disk_and_its_last_line_stands(start: Start, way: str) -> None:
    running = start(PRINTS)
    assert running.content("prints", f"{way} 100".encode()).status == 200
    log, aside = running.log_path, Path(f"{running.log_path}.1")
    until(aside.exists, "the cut")
    assert aside.stat().st_size <= 2 * output.MOST_BYTES
    until(lambda: log.stat().st_size < output.MOST_BYTES, "a log within its bound")
    assert any(b"the last of " + way.encode() in path.read_bytes()[-MIB:] for path in (log, aside))
    assert running.content("prints", b"print 0").status == 200


def test_a_log_that_is_far_too_large_is_cut_to_its_end_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    log = tmp_path / "unit-0.log"
    log.write_bytes(b"old" * 1000 + b"the end")
    assert output.cut(str(log), most=100)
    aside = Path(f"{log}.1").read_bytes()
    assert (len(aside), aside.endswith(b"the end")) == (150, True)
    assert log.read_bytes() == b"2857 bytes of output were left out here: it came too fast\n"
    assert not output.cut(str(log), most=100)


def test_on_a_full_disk_a_step_that_prints_and_one_that_fails_are_answered(tmp_path: Path) -> None:
    running = Running(tmp_path, Work(unit="unit", code="c", services=(FAIL, PRINTS)))
    running.log_path.symlink_to("/dev/full")
    running.start()
    try:
        assert running.content("prints", b"print 1").status == 200
        assert running.content("fail", b"x").status == 500
        assert running.content("prints", b"print 0").status == 200
    finally:
        running.stop()
