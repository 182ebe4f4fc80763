"""May a page of another origin call? What a browser asks of a real Envoy, and what it is told."""

from __future__ import annotations

import pytest

from longspan.system.records import Cors
from tests.capabilities.gateway.conftest import Answer, Site
from tests.capabilities.gateway.works import endpoint, work

APP, STRANGER = "https://app.example", "https://app.example.evil"
HELLO = endpoint("hello")
SHOWN = "inference-header-content-length, retry-after, x-request-id"
INFER = "/v2/models/hello/infer"


@pytest.fixture(scope="module")
def door(shared: Site) -> Site:
    shared.up(HELLO)
    shared.tell(work("hello"), work("absent"), endpoints=(HELLO,), cors=Cors((APP,), ("X-Team",), 60))
    return shared


def preflight(door: Site, origin: str, path: str = INFER) -> Answer:
    asked = {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": "x-team"}
    return door.call(path, None, method="OPTIONS", headers=asked)


def told(answer: Answer) -> dict[str, str]:
    prefix = "access-control-"
    return {name.removeprefix(prefix): value for name, value in answer.headers.items() if name.startswith(prefix)}


def test_a_declared_origin_is_told_what_it_may_send(door: Site) -> None:
    answer = preflight(door, APP)
    assert (answer.status, told(answer)) == (
        200,
        {
            "allow-origin": APP,
            "allow-methods": "GET, HEAD, POST",
            "allow-headers": "content-type, inference-header-content-length, longspan-timeout-ms, traceparent, "
            "x-request-id, x-team",
            "expose-headers": SHOWN,
            "max-age": "60",
        },
    )


@pytest.mark.parametrize("origin", [STRANGER, "null", "http://app.example", ""])
def test_any_other_origin_is_told_nothing(door: Site, origin: str) -> None:
    assert told(preflight(door, origin)) == {}
    assert told(door.call(INFER, headers={"origin": origin})) == {}


def test_answers_and_refusals_alike_are_for_a_declared_origin_to_read(door: Site) -> None:
    expected = {"allow-origin": APP, "expose-headers": SHOWN}
    assert told(door.call(INFER, headers={"origin": APP})) == expected
    refused = door.call("/v2/models/absent/infer", headers={"origin": APP})
    assert (refused.status, told(refused)) == (503, expected)


def test_controls_pages_and_health_are_for_no_other_origin(door: Site) -> None:
    assert told(door.call("/v2/health/ready", None, headers={"origin": APP})) == {}
    assert told(door.call("/-/", None, headers={"origin": APP})) == {}
    assert told(preflight(door, APP, "/-/metrics")) == {}


def test_who_declares_nothing_gets_no_header_of_this_kind(door: Site) -> None:
    door.tell(work("hello"), endpoints=(HELLO,))
    assert told(door.call(INFER, headers={"origin": APP})) == {}
