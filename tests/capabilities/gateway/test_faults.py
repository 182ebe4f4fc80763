"""What becomes of requests while replicas come, go and die? The callers never try again."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from longspan.client.load import Background
from tests.capabilities.gateway.conftest import Site, until
from tests.capabilities.gateway.works import endpoint, step, work

FIRST, SECOND, THIRD = (endpoint("hello", slot) for slot in range(3))
PATH = "/v2/models/hello/infer"


def last_for(load: Background, seconds: float) -> None:
    """Let the load run on for so long."""
    end = load.seconds + seconds
    until(lambda: load.seconds >= end, why="the load going on")


def test_endpoints_come_and_go_under_load_without_a_failed_request(site: Site) -> None:
    for at in (FIRST, SECOND, THIRD):
        site.up(at)
    site.tell(work("hello"), endpoints=(FIRST,))
    with site.load(PATH, rate=200) as load:
        for endpoints in ((FIRST, SECOND), (SECOND,), (SECOND, THIRD), (THIRD, FIRST), (FIRST,)):
            site.tell(work("hello"), endpoints=endpoints)
            last_for(load, 0.15)
        site.tell(work("hello"), work("other"), endpoints=(FIRST,))
        site.tell(work("hello"), endpoints=(FIRST, SECOND))
        last_for(load, 0.15)
    assert load.report.clean, load.report


def test_a_request_in_flight_ends_though_its_endpoint_has_been_taken_away(site: Site) -> None:
    site.up(FIRST)
    site.up(SECOND)
    site.tell(work("hello"), endpoints=(FIRST,))
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(site.call, f"{PATH}?wait=0.8")
        until(site.envoy.in_flight, why="the slow request in flight")
        site.tell(work("hello"), endpoints=(SECOND,))
        assert site.call(PATH).json["name"] == "hello/1"
        assert not slow.done()
        assert slow.result().json["name"] == "hello/0"


def test_a_killed_replica_comes_back_without_a_failed_request_be_it_one_of_two_or_the_only_one(site: Site) -> None:
    alone = endpoint("alone")
    for at in (FIRST, SECOND, alone):
        site.up(at)
    site.tell(work("hello"), work("alone"), endpoints=(FIRST, SECOND, alone))
    with (
        site.load(PATH, rate=150) as of_two,
        site.load("/v2/models/alone/infer", rate=150) as of_one,
        site.load(PATH, rate=10, body=b"x" * 2_000_000) as large,
    ):
        last_for(of_one, 0.4)
        site.kill(FIRST)
        site.kill(alone)
        last_for(of_one, 0.8)
        site.up(FIRST)
        site.up(alone)
        last_for(of_one, 0.4)
    for load in (of_two, of_one, large):
        assert load.report.clean, load.report


def test_a_large_body_survives_the_death_of_the_only_one(site: Site) -> None:
    site.up(FIRST)
    site.tell(work("hello"), endpoints=(FIRST,))
    site.kill(FIRST)
    body = b"x" * 8_000_000
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(site.call, PATH, body) for _ in range(4)]
        until(site.envoy.in_flight, why="the requests in flight")
        time.sleep(0.3)
        site.up(FIRST)
        assert [one.result().json["size"] for one in waiting] == [len(body)] * 4


def test_a_request_cut_off_is_not_sent_again_where_a_step_is_not_repeatable(site: Site) -> None:
    once = endpoint("once")
    site.up(once)
    site.tell(work("once", step("look"), step("charge", repeatable=False)), endpoints=(once,))
    answer = site.call("/v2/models/once/infer?die=1")
    # A client tries again by itself where it finds a Retry-After.
    assert (answer.status, "retry-after" in answer.headers) == (503, False)
    assert answer.error == (
        "a replica of once died at work on this request; "
        "not sent again, because its step charge is not marked repeatable"
    )


def test_what_a_replica_that_leaves_has_not_begun_is_answered_by_another_whatever_its_steps_are(site: Site) -> None:
    for at in (FIRST, SECOND):
        site.up(at)
    site.tell(work("hello", step("charge", repeatable=False)), endpoints=(FIRST, SECOND))
    for _ in range(6):  # in turn, so that each is asked first
        answer = site.call(f"{PATH}?leaving=hello/0", b"x" * 100_000)
        assert (answer.status, answer.json["name"], answer.json["size"]) == (200, "hello/1", 100_000)


def test_a_connection_that_never_opened_is_tried_again_for_every_service(site: Site) -> None:
    once = endpoint("once")
    site.up(once)
    site.tell(work("once", step("charge", repeatable=False)), endpoints=(once,))
    site.kill(once)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(site.call, "/v2/models/once/infer")
        until(site.envoy.in_flight, why="the request in flight")
        site.up(once)
        assert waiting.result().status == 200


def test_who_cannot_be_reached_or_takes_too_long_is_given_up_with_the_reason(site: Site) -> None:
    away, slow, leaving = endpoint("away"), endpoint("slow"), endpoint("leaving")
    endpoints = (FIRST, SECOND, away, slow, leaving)
    for at in endpoints:
        site.up(at)
    site.tell(work("hello"), work("away"), work("slow", seconds=0.01), work("leaving"), endpoints=endpoints)
    site.kill(away)
    # All at once, since each is given seven seconds for its replicas to come back.
    with ThreadPoolExecutor() as pool:
        slowly, leaves = "/v2/models/slow/infer?wait=30", "/v2/models/leaving/infer?leaving=leaving"
        paths = ("/v2/models/away/infer", slowly, f"{PATH}?die=1", leaves)
        asked = [pool.submit(site.call, path) for path in paths]
        unreached, late, deadly, sent_back = (answer.result() for answer in asked)
    assert (unreached.status, unreached.headers["retry-after"]) == (503, "1")
    assert unreached.error == "no replica of away could be reached within 7 s"
    assert (late.status, late.error) == (504, "slow did not answer within its limit of 0.01 s")
    assert (sent_back.status, sent_back.headers["retry-after"]) == (503, "1")
    assert "longspan-not-begun" not in sent_back.headers, "that is for the gateway alone"
    # Every step of hello is repeatable, so the request that kills went on to the other replica, and killed that.
    assert deadly.status == 503
    assert [site.processes[at.socket].poll() for at in (FIRST, SECOND)] == [-9, -9]
