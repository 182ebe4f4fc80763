"""A request that was under way when a replica died: looked up, run alone, and after a second death refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise

import pytest

from longspan.serving.noted import names_of
from longspan.wire import ids
from longspan.wire.ids.layout import UNIT, Parts, encode_names
from longspan.wire.orders import Limits, Work
from tests.serving.running import Answer, Running, service, step, until

RAW = {"application/octet-stream": "result"}
WORK = Work(
    unit="unit",
    code="code",
    services=(
        service("rests", step("rest", "dying:rests", call="async"), limits=Limits(queue=8)),
        service("brief", step("rest", "dying:rests", call="async"), limits=Limits(time_seconds=0.3, queue=8)),
        service("dies", step("first", "dying:dies"), step("last", "dying:dies", sources={"content": "first.result"})),
        service("streams", step("tell", "dying:streams", call="stream"), answers=RAW),
    ),
)
_slots = count(10)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("poison"), WORK).start()
    yield running
    running.stop()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def died(worker: Running, request_id: str, endpoint: str = "rests", name: str = "rest") -> None:
    """A sibling has died while the request was under way in that step, and nobody has started it again."""
    names = names_of(WORK)
    page = bytearray(ids.succeed(None, names, life=time.time_ns(), pid=1, now=0)[0])
    entry = Parts.of(len(encode_names(names)), len(names), ids.LIVE).entries + UNIT
    ids.write(memoryview(page), entry, request_id.encode(), names.index((endpoint, name)), 1)
    (worker.folder / f"run/unit/{next(_slots)}.ids").write_bytes(page)


def ask(worker: Running, name: str, body: bytes, request_id: str, attempt: int = 1) -> Answer:
    return worker.content(name, body, x_request_id=request_id, x_envoy_attempt_count=str(attempt))


def span(answer: Answer) -> tuple[int, int]:
    """When it ran."""
    assert answer.status == 200, answer.body
    began, ended = answer.body.split()
    return int(began), int(ended)


def under_way(worker: Running, request_id: bytes) -> bool:
    """Does the worker's own page say so?"""
    page = ids.parse((worker.folder / worker.orders.ids).read_bytes())
    assert page is not None
    return bool(ids.deaths(page, request_id, dead=True))


def test_a_request_stands_in_the_page_as_long_as_it_runs(worker: Running, pool: ThreadPoolExecutor) -> None:
    asked = pool.submit(ask, worker, "rests", b"100", "runs")
    until(lambda: under_way(worker, b"runs"), "noted")
    assert asked.result().status == 200
    assert not under_way(worker, b"runs")


def test_one_that_two_replicas_died_of_is_refused_by_the_name_of_its_step(worker: Running) -> None:
    for _ in range(2):
        died(worker, "twice", "dies", "last")
    answer = ask(worker, "dies", b"die", "twice", attempt=3)
    assert answer.status == 500
    problem = "step 'last' of 'dies': 2 replicas died of this request, so it is not run again"
    assert answer.json == {"error": problem}
    assert [one["step"] for one in worker.records() if one.get("request") == "twice"] == ["last"]
    until(lambda: worker.load("dies").poisonous == 1, "counted")


def test_the_first_attempt_of_another_request_with_that_id_is_served(worker: Running) -> None:
    for _ in range(2):
        died(worker, "again", "dies", "last")
    assert ask(worker, "dies", b"live", "again").status == 200
    assert ask(worker, "dies", b"live", "again", attempt=2).status == 500


def test_a_later_attempt_of_one_that_no_replica_died_of_is_served_like_any_other(worker: Running) -> None:
    assert ask(worker, "dies", b"live", "innocent", attempt=5).body == b"live"
    assert worker.request("POST", "/v1/services/dies", b"live", x_envoy_attempt_count="2").body == b"live"
    assert not [one for one in worker.records() if one.get("request") == "innocent"]


def test_one_that_was_under_way_at_a_death_runs_alone_and_who_comes_waits(
    worker: Running, pool: ThreadPoolExecutor
) -> None:
    died(worker, "once")
    before = pool.submit(ask, worker, "rests", b"150", "before")
    until(lambda: under_way(worker, b"before"), "begun")
    suspect = pool.submit(ask, worker, "rests", b"50", "once", 2)
    until(lambda: [one for one in worker.records() if one.get("request") == "once"], "in line")
    after = [pool.submit(ask, worker, name, b"30", "after") for name in ("rests", "rests", "brief")]
    alone = span(suspect.result())
    assert span(before.result())[1] <= alone[0]
    spans = [span(one.result()) for one in after]
    assert all(alone[1] <= began for began, _ in spans)
    assert max(began for began, _ in spans) < min(ended for _, ended in spans), "these wait for no one but the suspect"


def test_who_waits_behind_one_that_runs_alone_is_bounded_in_number_and_time(
    worker: Running, pool: ThreadPoolExecutor
) -> None:
    died(worker, "slow")
    suspect = pool.submit(ask, worker, "rests", b"900", "slow", 2)
    until(lambda: under_way(worker, b"slow"), "alone")
    many = [pool.submit(ask, worker, "rests", b"1", "many") for _ in range(10)]
    late = pool.submit(ask, worker, "brief", b"1", "late")
    assert late.result().status in (503, 504)
    statuses = [one.result().status for one in many]
    assert sorted(statuses) == [200] * statuses.count(200) + [503] * statuses.count(503)
    assert statuses.count(200) + (late.result().status == 504) == 8  # a queue of 8
    assert suspect.result().status == 200


def test_one_that_finds_no_quiet_moment_steps_aside_for_the_others_until_its_time_is_over(
    worker: Running, pool: ThreadPoolExecutor
) -> None:
    died(worker, "patient", "brief")
    longer = [f"longer-{number}" for number in range(4)]
    for one in longer:
        died(worker, one)
    stream = pool.submit(ask, worker, "streams", b"1800", "stream")
    until(lambda: under_way(worker, b"stream"), "streaming")
    assert ask(worker, "brief", b"1", "patient", attempt=2).status == 504
    suspects = [pool.submit(ask, worker, "rests", b"1", one, 2) for one in longer]
    until(lambda: {one.get("request") for one in worker.records()} >= {*longer}, "in line")
    began, _ = span(ask(worker, "rests", b"1", "other"))
    assert not stream.done(), "it did not wait for the stream"
    assert stream.result().body == b"begun\nended\n"
    spans = sorted(span(one.result()) for one in suspects)
    assert began < spans[0][0]
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


def test_a_stream_is_alone_until_its_first_chunk(worker: Running, pool: ThreadPoolExecutor) -> None:
    died(worker, "tells", "streams", "tell")
    stream = pool.submit(ask, worker, "streams", b"300", "tells", 2)
    until(lambda: under_way(worker, b"tells"), "streaming")
    assert ask(worker, "rests", b"1", "meanwhile").status == 200
    assert not stream.done()
    assert stream.result().body == b"begun\nended\n"


def test_the_next_process_of_the_slot_tells_what_the_last_one_died_of(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    running = Running(tmp_path_factory.mktemp("died"), WORK)
    long = "x" * 200
    try:
        for lives in (1, 2):
            running.start()
            with pytest.raises(ConnectionError):
                ask(running, "dies", b"die", long, attempt=lives)
            assert running.process.wait(10) == 3
            running.socket.unlink()
        running.start()
        assert ask(running, "dies", b"die", long, attempt=3).json["error"].startswith("step 'first' of 'dies': 2 rep")
        assert running.steps("dies")["first"].deaths == 2
        assert running.steps("dies")["last"].deaths == 0
        told = [one["message"] for one in running.records() if one["level"] == "warning"]
        assert told[0] == "the last process here died with 1 requests under way, in step 'first' of 'dies'"
        # Who is told to go leaves nothing behind.
        running.process.terminate()
        running.process.wait(10)
        page = ids.parse((running.folder / running.orders.ids).read_bytes())
        assert page is not None
        assert not page.live["size"].any()
    finally:
        running.stop()
