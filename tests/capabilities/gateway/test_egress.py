"""What do workers meet who call the steps that run apart? A real Envoy, two versions of a step, and deaths."""

from __future__ import annotations

import stat
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from longspan.base.metrics import Metric, render
from longspan.capabilities.gateway.adapters import EGRESS_SOCKET
from longspan.capabilities.gateway.api import UNIT_ACTIVE, UNREACHED, readings
from tests.capabilities.gateway.conftest import Site, until
from tests.capabilities.gateway.works import apart, endpoint, work

READ, FIRST, SECOND = endpoint("read"), endpoint("read.find", 0, "a1"), endpoint("read.find", 1, "a2")
PATH = "/v2/models/read.find/versions/a1/infer"


@pytest.fixture(scope="module")
def door(shared: Site) -> Site:
    for at in (READ, FIRST, SECOND):
        shared.up(at)
    shared.tell(work("read"), apart("read.find"), apart("read.gone"), endpoints=(READ, FIRST, SECOND))
    return shared


def test_a_call_goes_to_the_replicas_of_its_version_however_busy_they_are(door: Site) -> None:
    with ThreadPoolExecutor(8) as pool:
        busy = [pool.submit(door.call_unit, f"{PATH}?wait=0.2") for _ in range(8)]
        assert {one.result().json["name"] for one in busy} == {"read.find/0"}
    assert door.call_unit(PATH.replace("a1", "a2")).json["name"] == "read.find/1"


def test_a_replica_that_says_not_mine_is_passed_over_for_another(door: Site) -> None:
    # No route names this version yet, so that any replica may be asked first.
    found = [door.call_unit("/v2/models/read.find/versions/a9/infer?only=read.find/1") for _ in range(8)]
    assert {(one.status, one.json["name"]) for one in found} == {(200, "read.find/1")}


def test_the_outside_cannot_call_a_step_apart_but_can_ask_the_model_that_it_holds(door: Site) -> None:
    assert door.call(PATH).status == 404
    assert door.call("/v1/services/read.find").status == 404
    assert door.call("/v2/models/find/infer").status == 200
    assert door.call_unit("/v2/models/read/infer").status == 404
    assert door.call_unit("/-/", None).status == 404


def test_only_the_user_may_open_the_socket(door: Site) -> None:
    mode = (door.state / EGRESS_SOCKET).stat().st_mode
    assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o600)


def test_the_request_keeps_its_id_and_its_deadline_and_its_line_names_the_unit(door: Site) -> None:
    answer = door.call_unit(PATH, headers={"x-request-id": "call-1", "longspan-timeout-ms": "900"})
    seen = answer.json["headers"]
    assert (seen["x-request-id"], seen["longspan-timeout-ms"]) == ("call-1", "900")
    [line] = until(lambda: [one for one in door.log() if one["request"] == "call-1"], why="the line in the log")
    assert (line["egress"], line["path"], line["replica"]) == ("read.find", PATH, FIRST.socket)
    assert (
        "egress" not in until(lambda: [one for one in door.log() if one["path"] == "/v2/models/find/infer"], why="")[0]
    )


def test_a_step_without_a_replica_is_503_in_the_protocols_words(door: Site) -> None:
    answer = door.call_unit("/v2/models/read.gone/versions/a1/infer")
    assert (answer.status, answer.error, answer.headers["retry-after"]) == (503, "read.gone has no replica yet", "1")


def test_the_system_is_ready_only_with_its_steps_apart(door: Site) -> None:
    assert door.call("/v2/health/ready", None).status == 503
    wish = door.wish
    door.tell(*(work for work in wish.works if work.unit != "read.gone"), endpoints=wish.endpoints)
    until(lambda: door.call("/v2/health/ready", None).status == 200, why="ready without the step that has no replica")
    door.tell(*wish.works, endpoints=wish.endpoints)


def test_figures_of_a_step_apart_stand_under_its_own_name(door: Site) -> None:
    door.call_unit(PATH)
    page = render(readings(door.envoy)).splitlines()
    assert 'longspan_unit_endpoints{unit="read.find"} 2' in page
    assert 'longspan_unit_endpoints{unit="read"} 1' in page
    assert not [line for line in page if 'unit="find"' in line or "read/find" in line]


def test_a_body_beyond_the_services_limit_is_not_the_gateways_to_judge_and_is_kept_for_another_try(site: Site) -> None:
    site.up(FIRST)
    site.tell(apart("read.find"), endpoints=(FIRST,))
    site.kill(FIRST)
    body = b"x" * 30_000_000
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(site.call_unit, PATH, body)
        until(lambda: _told(site, UNREACHED)["read.find"] > 1, why="a second try")
        site.up(FIRST)
        assert waiting.result().json["size"] == len(body)


def test_a_call_cut_off_is_sent_again_only_where_the_step_is_repeatable(site: Site) -> None:
    often, once = endpoint("read.often", 0, "a1"), endpoint("read.once", 0, "a1")
    for at in (often, once):
        site.up(at)
    site.tell(apart("read.often"), apart("read.once", repeatable=False), endpoints=(often, once))
    with ThreadPoolExecutor() as pool:
        again = pool.submit(site.call_unit, "/v2/models/read.often/versions/a1/infer?wait=0.3")
        never = pool.submit(site.call_unit, "/v2/models/read.once/versions/a1/infer?wait=30")
        until(lambda: _told(site, UNIT_ACTIVE) == {"read.often": 1, "read.once": 1}, why="both under way")
        for at in (often, once):
            site.kill(at)
            site.up(at)
        assert again.result().status == 200
        assert never.result().status == 503
    assert "its step once is not marked repeatable" in never.result().error


def test_what_came_in_before_the_end_can_still_call_its_steps(site: Site) -> None:
    for at in (READ, FIRST):
        site.up(at)
    site.tell(work("read"), apart("read.find"), endpoints=(READ, FIRST))
    with ThreadPoolExecutor() as pool:
        under_way = pool.submit(site.call, "/v1/services/read?wait=0.5")
        until(site.envoy.in_flight, why="a request in flight")
        site.envoy.drain()
        assert site.call_unit(PATH).status == 200
        assert under_way.result().status == 200


def _told(site: Site, metric: Metric) -> Counter[str]:
    """Unit -> what Envoy has counted for it, where that is more than nothing."""
    found = [one for one in readings(site.envoy) if one.metric is metric]
    return Counter({one.labels[0]: int(one.value) for one in found if isinstance(one.value, int | float) and one.value})
