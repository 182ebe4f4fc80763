"""What stands behind the last request of a connection is not read, and the last one is the one that says so."""

from __future__ import annotations

import pytest

from tests.fuzz import on_http
from tests.fuzz.given import steer
from tests.serving.running import Running, receive, until

TEXT = b"content-type: text/plain\r\n"
SOON = b"POST /v1/services/%b HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n" + TEXT + b"\r\n0.01"
SAME, LATER = SOON % b"same", SOON % b"later"
ENDS = TEXT + b"content-length: 4\r\nconnection: %b\r\n\r\n0.02"


def answers(worker: Running, *requests: bytes) -> list[bytes]:
    """What comes until the worker closes, answer by answer."""
    with worker.connect() as client:
        client.sendall(b"".join(requests))
        return [b"HTTP/1.1 " + part for part in receive(client).split(b"HTTP/1.1 ")[1:]]


def good(worker: Running, endpoint: str) -> int:
    """Requests that it has answered well."""
    return worker.load(endpoint).requests.get(200, 0)


@pytest.mark.parametrize(
    "last",
    [
        b"POST /v1/services/later HTTP/1.1\r\nhost: a\r\n" + ENDS % b"close",
        b"POST /v1/services/later HTTP/1.0\r\n" + ENDS % b"keep-alive",
    ],
)
def test_nothing_is_run_that_stands_behind_a_request_that_ends_its_connection(shared: Running, last: bytes) -> None:
    later, same = good(shared, "later"), good(shared, "same")
    came = answers(shared, LATER, last, SAME, b"rubbish\r\n\r\n")
    assert [answer[9:12] for answer in came] == [b"200", b"200"]
    assert b"connection: close\r\n" in came[-1]
    until(lambda: good(shared, "later") == later + 2, "the page to count both")
    assert good(shared, "same") == same


@pytest.mark.parametrize("behind", [b"GET /" + b"a" * 9000, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200])
@pytest.mark.parametrize("before", [b"", b"connection: keep-alive\r\n"])
def test_what_is_refused_behind_the_last_request_is_owed_no_answer_and_keeps_no_connection(
    before: bytes, behind: bytes
) -> None:
    large = b"POST /v1/services/same HTTP/1.0\r\n" + before + b"content-length: 70000\r\n\r\n" + b"x" * 70_000
    on_http.run(steer(large + behind, b"\xff\xff\xff"))
    small = b"POST /v1/services/same HTTP/1.0\r\n" + before + b"content-length: 1\r\n\r\nx"
    on_http.run(steer(small + behind, bytes([len(small), 5, 99])))


def test_connect_ends_the_connection_after_what_came_before_is_answered(shared: Running) -> None:
    came = answers(shared, LATER, LATER, b"CONNECT other:443 HTTP/1.1\r\nhost: a\r\n\r\n\x16\x03\x01", SAME)
    assert [answer[9:12] for answer in came] == [b"200", b"200", b"501"]
    assert b"connection: close\r\n" in came[-1]
