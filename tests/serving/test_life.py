"""A replica's life: it takes its slot, keeps its secrets, drains, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from benchmarks import tiny
from longspan.client.load import Background, Plan, Request
from longspan.wire import load
from longspan.wire.orders import Work
from tests.serving.conftest import TINY_IN, TINY_OUT, Start
from tests.serving.running import JSON, WITHIN, Running, model, receive, service, step, until

SAME = service("same", step("same", "same"))
SLOW = service("slow", step("wait", "wait"))
COUNT = service(
    "count", step("count", "count", gives={"result": JSON}, call="stream"), answers={"application/x-ndjson": "result"}
)


def ended(running: Running) -> int:
    """The exit code."""
    return running.process.wait(WITHIN)


def test_a_slot_has_one_worker_and_the_second_names_the_first(start: Start) -> None:
    first = start(SAME)
    second = Running(first.folder, first.work)
    second.spawn()
    assert ended(second) == 1
    assert f"pid {first.process.pid}" in second.records()[-1]["message"]
    assert first.content("same", b"x").status == 200


def test_a_slot_is_free_when_its_worker_was_killed(start: Start) -> None:
    first = start(SAME)
    first.process.kill()
    ended(first)
    assert first.socket.exists(), "a killed process cannot tidy up"
    second = Running(first.folder, first.work)
    second.spawn()
    try:
        # The name leads nowhere until the second is ready and renames its own socket over it.
        until(lambda: _answers(second), "the second worker's answer")
        assert second.request("GET", "/-/replica").json["pid"] == second.process.pid
    finally:
        second.stop()


def test_what_it_leaves_in_the_state_folder_is_for_its_owner_only(start: Start) -> None:
    running = start(SAME)
    for path in (running.socket, running.folder / running.orders.load, running.folder / running.orders.lock):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert not list(running.folder.rglob("*.new")), "no temporary name is left"


def test_secrets_reach_the_step_and_nothing_else(start: Start) -> None:
    settings = {"greeting": "hello", "token": {"$env": "TOKEN"}}
    greeter = step("greet", "Greeter", gives={"result": JSON}, settings=settings)
    running = start(
        service("greet", greeter, answers={"application/json": "result"}), secrets={"TOKEN": "a-well-kept-secret"}
    )
    assert running.content("greet", b"you").json == {"greeting": "hello you", "token": 18, "seen": False}
    proc = Path(f"/proc/{running.process.pid}")
    for listing in (proc / "environ", proc / "cmdline", running.log_path):
        assert b"a-well-kept-secret" not in listing.read_bytes()
    held = []
    for entry in (proc / "fd").iterdir():
        with suppress(FileNotFoundError):  # the connection of the request above is being closed
            held.append(os.readlink(entry))
    assert f"pipe:[{running.secrets_inode}]" not in held, "the descriptor of the secrets is closed"


def test_orders_that_cannot_be_followed_end_it_with_one_message(start: Start, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "longspan.serving", "run", "none.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=WITHIN, check=False)
    assert done.returncode == 1
    assert b"none.json: cannot be read" in done.stderr
    assert b"Traceback" not in done.stderr
    broken = Running(tmp_path, Work(unit="unit", code="code", services=(service("bad", step("bad", "nothing")),)))
    broken.spawn()
    assert ended(broken) == 1
    assert "nothing" in broken.records()[-1]["message"]
    assert not broken.socket.exists()
    usage = subprocess.run([*command[:3], "walk"], cwd=tmp_path, capture_output=True, timeout=WITHIN, check=False)
    assert usage.returncode == 2


def test_a_model_that_runs_for_nobody_keeps_the_slot_unready(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no model")
    broken = Running(tmp_path, Work(unit="unit", models=(model("broken", path, TINY_IN, TINY_OUT),)), {"broken": path})
    broken.spawn()
    assert ended(broken) == 1
    assert "broken" in broken.records()[-1]["message"]
    assert not broken.socket.exists()


def test_a_draining_worker_finishes_what_it_has_and_says_that_it_goes(start: Start) -> None:
    running = start(SLOW, COUNT)
    answers = []
    callers = [
        threading.Thread(target=lambda: answers.append(running.content("slow", b"0.8"))),
        threading.Thread(target=lambda: answers.append(running.content("count", b"5:0.2"))),
    ]
    for caller in callers:
        caller.start()
    until(lambda: running.load("slow").in_flight and running.load("count").in_flight, "both under way")
    with running.client() as kept:
        assert kept.request("GET", "/v2/health/ready").status == 200
        running.process.send_signal(signal.SIGTERM)
        until(lambda: [record["message"] for record in running.records()[-1:]] == ["draining"], "the drain")
        answer = kept.request("GET", "/v2/health/ready")
        assert (answer.status, answer.headers["connection"]) == (503, "close")
    assert running.request("GET", "/v2/models/slow/ready").status == 503
    identity = running.request("GET", "/-/replica")
    assert identity.json["state"] == "draining"
    late = running.content("slow", b"0.0")
    assert (late.status, late.headers["connection"]) == (200, "close")
    for caller in callers:
        caller.join()
    assert [answer.status for answer in answers] == [200, 200]
    assert sorted(len(answer.body.splitlines()) for answer in answers) == [1, 5]
    assert ended(running) == 0
    assert not running.socket.exists()
    page = load.read(str(running.folder / running.orders.load))
    assert page is not None
    assert not page.ready


def test_no_request_fails_while_one_worker_drains_and_the_next_takes_its_place(tmp_path: Path) -> None:
    """Under 300 requests a second, half of them on new connections, as the gateway would move them."""
    path = tiny.write(tmp_path / "tiny.onnx")
    work = Work(unit="unit", models=(model("tiny", path, TINY_IN, TINY_OUT),))
    old = Running(tmp_path, work, {"tiny": path}).start()
    new = Running(tmp_path, work, {"tiny": path}, slot=1)
    # Both are found under one name, which is turned from the old to the new one as Envoy's endpoint would be.
    name = tmp_path / "routed"
    name.symlink_to(old.socket)
    request = Request(path="/v2/models/tiny/infer", body=tiny.infer_body())
    plan = Plan(address=f"unix:{name}", requests=(request,), rate_per_second=300, seconds=3)
    try:
        with Background(plan) as under_load:
            new.start()
            beside = tmp_path / "routed.new"
            beside.symlink_to(new.socket)
            beside.rename(name)
            old.process.send_signal(signal.SIGTERM)
            assert ended(old) == 0
        assert under_load.report.clean, under_load.report
        assert under_load.report.ok
        assert old.log.count("drained") == 1
    finally:
        old.stop()
        new.stop()


def test_who_had_connected_before_the_socket_went_is_still_heard(start: Start) -> None:
    running = start(SAME)
    with running.connect() as waiting:
        running.process.send_signal(signal.SIGTERM)
        until(lambda: [record["message"] for record in running.records()[-1:]] == ["draining"], "the drain")
        waiting.sendall(b"POST /v1/services/same HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi")
        answer = receive(waiting)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert ended(running) == 0


def test_health_checks_do_not_keep_a_draining_worker(start: Start) -> None:
    running = start(SAME)
    running.process.send_signal(signal.SIGTERM)

    def checked_until_it_has_gone() -> bool:
        _answers(running)
        return running.process.poll() is not None

    until(checked_until_it_has_gone, "its end")
    assert ended(running) == 0


def test_another_workers_socket_is_not_withdrawn(start: Start) -> None:
    running = start(SAME)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(running.folder / "other.sock"))
        os.rename(running.folder / "other.sock", running.socket)
        running.process.send_signal(signal.SIGTERM)
        assert ended(running) == 0
        assert running.socket.exists()


def test_a_second_signal_ends_it_at_once(start: Start) -> None:
    running = start(SLOW)
    with running.connect() as client:
        client.sendall(b"POST /v1/services/slow HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n60")
        until((running.folder / "runs").exists, "the run")
        running.process.send_signal(signal.SIGTERM)
        until(lambda: [record["message"] for record in running.records()[-1:]] == ["draining"], "the drain")
        running.process.send_signal(signal.SIGTERM)
        assert ended(running) == 128 + signal.SIGTERM
    assert not running.socket.exists()


def test_it_outlives_its_parent_and_a_hang_up(start: Start) -> None:
    running = start(SAME)
    running.process.send_signal(signal.SIGHUP)
    assert running.content("same", b"x").status == 200
    parent = (
        "import sys; from subprocess import DEVNULL, Popen; "
        "print(Popen(sys.argv[1:], stdout=DEVNULL, stderr=DEVNULL).pid)"
    )
    other = Running(running.folder, running.work, slot=7)
    other.process = running.process
    (running.folder / "orders-7.json").write_bytes(_encoded(other))
    command = [sys.executable, "-c", parent, sys.executable, "-B", "-m", "longspan.serving", "run", "orders-7.json"]
    pid = int(subprocess.run(command, cwd=running.folder, stdout=subprocess.PIPE, timeout=WITHIN, check=True).stdout)
    try:
        until(lambda: _answers(other), "the orphan's answer")
        assert other.request("GET", "/-/replica").json["pid"] == pid
    finally:
        os.kill(pid, signal.SIGKILL)


def _answers(running: Running) -> bool:
    try:
        return running.request("GET", "/v2/health/ready").status == 200
    except OSError:
        return False


def _encoded(running: Running) -> bytes:
    import msgspec

    return msgspec.json.encode(running.orders)
