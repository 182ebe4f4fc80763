"""How callers meet the gateway: a real Envoy, real upstreams, and what each side sees."""

from __future__ import annotations

import http.client
import json
import subprocess

import pytest

from longspan.base.errors import RequestError
from longspan.client.sync import Client
from longspan.system.records import Endpoint
from tests.capabilities.gateway.conftest import Site, listens, until
from tests.capabilities.gateway.works import VERSION, endpoint, model, step, work

HELLO, ONCE, CHAT, TINY = endpoint("hello"), endpoint("once"), endpoint("chat"), endpoint("tiny")


@pytest.fixture(scope="module")
def door(shared: Site) -> Site:
    for at in (HELLO, ONCE, CHAT, TINY):
        shared.up(at)
    works = (
        work("hello"),
        work("once", step("look"), step("charge", repeatable=False), body_bytes=1000),
        work("chat", step("chat", call="stream")),
        model("tiny"),
        work("absent"),
    )
    shared.tell(*works, endpoints=(HELLO, ONCE, CHAT, TINY))
    return shared


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v2/models/hello", "hello/0"),
        ("/v2/models/hello/infer", "hello/0"),
        ("/v2/models/hello/versions/1/infer", "hello/0"),
        ("/v1/services/hello", "hello/0"),
        ("/v2/models/tiny/infer", "tiny/0"),
        ("//v1///services/hello?x=1", "hello/0"),
        ("/v2/./models/once/../hello/infer", "hello/0"),
    ],
)
def test_a_name_leads_to_the_unit_that_answers_for_it(door: Site, path: str, name: str) -> None:
    assert door.call(path).json["name"] == name


@pytest.mark.parametrize("path", ["/", "/v3", "/v2/models/helloo/infer", "/v2/models/", "/v1/services/tiny", "/v2/x"])
def test_anything_else_is_404_in_the_protocols_words(door: Site, path: str) -> None:
    answer = door.call(f"{path}?token=secret")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
    assert answer.error == f"nothing is at {path}"


@pytest.mark.parametrize("path", ["/v1%2Fservices/hello", "/v1%5Cservices/hello"])
def test_a_path_with_escaped_slashes_is_refused(door: Site, path: str) -> None:
    answer = door.call(path)
    assert answer.status == 400
    assert "path_normalization_failed" in answer.error


def test_the_gateway_answers_for_the_server_itself(door: Site) -> None:
    assert door.call("/v2", None).json == {"name": "longspan", "version": VERSION, "extensions": ["binary_tensor_data"]}
    assert door.call("/v2/health/live", None).json == {"live": True}


def test_the_system_is_ready_only_while_each_unit_has_a_healthy_replica(door: Site) -> None:
    answer = door.call("/v2/health/ready", None)
    assert (answer.status, answer.json) == (503, {"ready": False})
    absent = endpoint("absent")
    door.up(absent)
    wish = door.wish
    door.tell(*wish.works, endpoints=(*wish.endpoints, absent))
    until(lambda: door.call("/v2/health/ready", None).status == 200, why="ready with the last unit's replica")
    assert door.call("/v2/health/ready", None).json == {"ready": True}
    door.tell(*wish.works, endpoints=wish.endpoints)
    assert door.call("/v2/health/ready", None).status == 503


def test_a_unit_without_a_replica_answers_503_at_once(door: Site) -> None:
    answer = door.call("/v2/models/absent/infer")
    assert (answer.status, answer.error) == (503, "absent has no replica yet")
    assert answer.headers["retry-after"] == "1"


def test_pages_can_only_be_read_and_say_so_when_control_is_dead(door: Site) -> None:
    answer = door.call("/-/", None)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert "longspan up" in answer.error
    answer = door.call("/-/metrics", b"x")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_pages_come_from_control_while_it_lives(site: Site) -> None:
    site.up(Endpoint("pages", 0, "run/pages.sock"))
    site.tell()
    seen = site.call("/-/metrics", None).json
    assert (seen["name"], seen["target"]) == ("pages/0", "/-/metrics")


def test_the_clients_request_id_is_kept_else_one_is_made(door: Site) -> None:
    kept = door.call("/v1/services/hello", headers={"x-request-id": "mine-7", "traceparent": "00-ab-cd-01"})
    assert kept.headers["x-request-id"] == kept.json["headers"]["x-request-id"] == "mine-7"
    assert kept.json["headers"]["traceparent"] == "00-ab-cd-01"
    made = door.call("/v1/services/hello")
    assert made.headers["x-request-id"] == made.json["headers"]["x-request-id"]
    assert len(made.headers["x-request-id"]) == 36
    assert door.call("/nowhere", headers={"x-request-id": "lost-8"}).headers["x-request-id"] == "lost-8"


def test_the_access_log_tells_a_request_in_one_line_without_its_query(door: Site) -> None:
    door.call("/v1/services/hello?token=secret", b"abc", headers={"x-request-id": "log-9"})
    [line] = until(lambda: [one for one in door.log() if one["request"] == "log-9"], why="the line in the log")
    assert {key: line[key] for key in line.keys() - {"time", "ms", "sent"}} == {
        "request": "log-9", "method": "POST", "path": "/v1/services/hello", "status": 200, "flags": "-",
        "received": 3, "replica": "run/hello/0.sock", "attempts": 1,
    }  # fmt: skip


@pytest.mark.parametrize("forwarded", [{}, {"x-forwarded-for": "10.0.0.9"}])
def test_headers_that_rule_over_envoy_are_taken_from_nobody(door: Site, forwarded: dict[str, str]) -> None:
    rules = {
        "x-envoy-retry-on": "5xx", "x-envoy-max-retries": "5", "x-envoy-upstream-rq-timeout-ms": "1",
        "x-envoy-upstream-rq-per-try-timeout-ms": "1", "x-envoy-retriable-status-codes": "500",
        "x-envoy-internal": "true", "x-envoy-original-path": "/x", "x-envoy-force-trace": "1",
    }  # fmt: skip
    before = door.call("/v1/services/hello").json["answered"]
    answer = door.call("/v1/services/hello?status=500&wait=0.05", headers=rules | forwarded)
    assert (answer.status, answer.json["answered"]) == (500, before + 1)
    # x-envoy-original-path only speaks to those who read it; nobody does.
    assert not answer.json["headers"].keys() & rules.keys() - {"x-envoy-original-path"}


def test_an_address_that_a_client_claims_is_followed_by_the_one_it_has(door: Site) -> None:
    seen = door.call("/v1/services/hello", headers={"x-forwarded-for": "10.0.0.9"}).json["headers"]
    assert seen["x-forwarded-for"].startswith("10.0.0.9,")
    assert seen["x-envoy-external-address"] != "10.0.0.9"


def test_what_is_for_us_does_not_leave(door: Site) -> None:
    headers = door.call("/v1/services/hello").headers
    assert not [name for name in headers if name.startswith("x-envoy") or name == "endpoint-load-metrics"]
    assert headers["server"] == "longspan"


def test_a_body_over_the_limit_is_refused_before_it_is_read(door: Site) -> None:
    answer = door.call("/v2/models/once/infer", b"x" * 1001)
    assert (answer.status, answer.error) == (413, "the body is larger than once takes (1000B)")
    assert door.call("/v2/models/once/infer", b"x" * 1000).json["size"] == 1000


def test_a_caller_who_is_still_sending_too_much_gets_the_refusal(door: Site) -> None:
    gateway = Client(f"http://127.0.0.1:{door.port}", retry=None)
    with pytest.raises(RequestError, match="the body is larger than hello takes") as refused:
        gateway.send("hello", b"x" * 20_000_000, media_type="text/plain")
    assert refused.value.status == 413


def test_a_body_of_untold_length_is_left_to_the_worker_to_count(door: Site) -> None:
    chunks = b"3e8\r\n%s\r\n64\r\n%s\r\n0\r\n\r\n" % (b"x" * 1000, b"x" * 100)
    head = b"POST /v2/models/once/infer HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    assert door.raw(head + chunks).json["size"] == 1100


@pytest.mark.parametrize(
    ("request_bytes", "status", "words"),
    [
        (b"GARBAGE\r\n\r\n", 400, "http1.codec_error"),
        (b"GET /v2 HTTP/1.1\r\n\r\n", 400, "missing_host_header"),
        (b"GET /v2 HTTP/1.0\r\n\r\n", 426, "HTTP/1.1 or HTTP/2"),
        (b"GET /v2 HTTP/1.1\r\nhost: x\r\nx: %s\r\n\r\n" % (b"x" * 70_000), 431, "60 KiB"),
        (b"GET /v2 HTTP/1.1\r\nhost: x\r\n%s\r\n" % (b"x: y\r\n" * 120), 431, "100 fields"),
        (b"POST /v2 HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400, "chunked"),
    ],
)
def test_what_is_no_proper_request_is_told_in_the_protocols_words(
    door: Site, request_bytes: bytes, status: int, words: str
) -> None:
    answer = door.raw(request_bytes)
    assert answer.status == status
    assert words in answer.error


def test_http2_without_tls_is_spoken_on_the_same_port(door: Site) -> None:
    url = f"http://127.0.0.1:{door.port}/v1/services/hello"
    done = subprocess.run(
        ["curl", "--silent", "--http2-prior-knowledge", "--write-out", "\n%{http_version}", "--data", "x", url],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    body, _, spoken = done.stdout.rpartition("\n")
    assert (spoken, json.loads(body)["size"]) == ("2", 1)


def test_a_stream_comes_as_it_is_made(door: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=20)
    connection.request("POST", "/v1/services/chat?chunks=3&pause=0.3", b"{}")
    response = connection.getresponse()
    first = response.read1()
    # The upstream has two more to make, so the whole cannot have been waited for.
    assert (response.status, first) == (200, b"data: 0\n\n")
    assert response.read() == b"data: 1\n\ndata: 2\n\n"
    connection.close()


def test_a_status_that_user_code_chose_ejects_nobody(door: Site) -> None:
    for _ in range(20):
        assert door.call("/v1/services/hello?status=500").status == 500
    figures = door.envoy.figures(r"cluster\.hello\.outlier_detection\.ejections_active")
    assert figures.rstrip().endswith(" 0")
    assert door.call("/v1/services/hello").status == 200


def test_nothing_but_the_gateways_port_is_listened_on(door: Site) -> None:
    pid = door.envoy.see().pid
    assert pid is not None
    assert listens(pid) == {("0100007F", door.port)}
