"""Do both clients send what is meant, tell what came, and end every odd answer as one of two errors?"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from longspan.base.errors import LongspanError, RequestError, Unreachable
from longspan.client import Client, Retry
from longspan.wire.oip import untyped
from longspan.wire.tensors import Tensor
from tests.client.answering import Answering, Reply, raw_server, whole

Make = Callable[..., Any]
X = np.array([[1.5, 2]], np.float32)


def infers(y: Tensor = X) -> Reply:
    """A binary inference answer of one output."""
    parts = untyped.encode({"y": y})
    head = bytes(parts[0]).replace(b'"inputs"', b'"outputs"', 1)
    head = head[: head.rindex(b'],"parameters":{"binary_data_output"')] + b'],"model_name":"m","model_version":"1"}'
    length = str(len(head))
    return whole(b"".join([head, *parts[1:]]), inference_header_content_length=length, x_request_id="r7")


def test_natural_content_is_sent_as_it_is_with_its_type(make: Make) -> None:
    reply = whole(b'"setosa"', content_type="application/json; charset=utf-8", x_request_id="r1")
    server = Answering({"POST /v1/services/flower": reply})
    with server.on_tcp() as url:
        got = make(url).send("flower", b"[1]", media_type="application/json", accept="text/plain", request_id="r1")
    assert (got.body, got.media_type, got.request_id) == (b'"setosa"', "application/json", "r1")
    asked = server.asked[0]
    assert asked.body == b"[1]"
    sent = {name: asked.headers[name] for name in ("content-type", "accept", "x-request-id")}
    assert sent == {"content-type": "application/json", "accept": "text/plain", "x-request-id": "r1"}


def test_arrays_go_and_come_by_name(make: Make) -> None:
    server = Answering({"POST /v2/models/m/versions/2/infer": infers()})
    with server.on_tcp() as url:
        got = make(url).infer("m", {"x": X}, version="2", outputs=["y"])
    np.testing.assert_array_equal(got.outputs["y"], X)
    assert (got.model, got.version, got.request_id) == ("m", "1", "r7")
    asked = server.asked[0]
    length = int(asked.headers["inference-header-content-length"])
    assert msgspec.json.decode(asked.body[:length])["outputs"] == [{"name": "y", "parameters": {"binary_data": True}}]
    assert asked.body[length:] == X.tobytes()


def test_arrays_go_as_json_where_that_is_wanted(make: Make) -> None:
    answer = b'{"model_name": "m", "outputs": [{"name": "y", "shape": [1], "datatype": "BYTES", "data": ["a"]}]}'
    server = Answering({"POST /v2/models/m/infer": whole(answer)})
    with server.on_tcp() as url:
        got = make(url).infer("m", {"x": X}, binary=False)
    assert got.outputs["y"].tolist() == [b"a"]
    assert server.asked[0].headers["content-type"] == "application/json"
    assert msgspec.json.decode(server.asked[0].body)["inputs"][0]["data"] == [1.5, 2]


def test_a_large_answer_comes_whole(make: Make) -> None:
    large = np.arange(250_000, dtype=np.float32)
    with Answering({"POST /v2/models/m/infer": infers(large)}).on_tcp() as url:
        client = make(url)
        for _ in range(2):
            np.testing.assert_array_equal(client.infer("m", {"x": large}).outputs["y"], large)


def test_the_gateway_is_told_how_long_anybody_waits(make: Make) -> None:
    server = Answering({"POST /v2/models/m/infer": infers()})
    with server.on_tcp() as url:
        make(url).infer("m", {"x": X}, timeout=3)
    assert 2000 < int(server.asked[0].headers["longspan-timeout-ms"]) <= 3000


def test_one_connection_serves_one_call_after_the_other(make: Make) -> None:
    server = Answering({"GET /v2/models/m": whole(b"{}"), "POST /v1/services/s": whole(b"x" * 40_000)})
    with server.on_tcp() as url:
        client = make(url)
        for _ in range(3):
            client.metadata("m")
            assert len(client.send("s", b"").body) == 40_000
    assert len({asked.peer for asked in server.asked}) == 1


def test_a_kept_connection_that_was_closed_meanwhile_costs_nothing(make: Make) -> None:
    one = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    url, thread = raw_server([one] * 3)
    client = make(url)
    assert [client.metadata("m") for _ in range(3)] == [{}] * 3
    thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-encoding: gzip\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 90000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000,
        b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b"[" * 100_000,
        b"",
    ],
    ids=lambda answer: repr(answer[:50]),
)
def test_what_is_no_answer_is_unreachable(make: Make, answer: bytes) -> None:
    url, thread = raw_server([answer])
    with pytest.raises(Unreachable):
        make(url).metadata("m")
    thread.join()


@pytest.mark.parametrize(
    ("body", "length"),
    [(b"{}", ""), (b'{"outputs": [{"name": "y", "shape": [1], "datatype": "FP31"}]}', ""), (b"{}", "x"), (b"{}", "9")],
)
def test_an_answer_that_holds_no_inference_is_unreachable_and_says_why(make: Make, body: bytes, length: str) -> None:
    reply = whole(body)
    reply.headers |= {"inference-header-content-length": length} if length else {}
    with (
        Answering({"POST /v2/models/m/infer": reply}).on_tcp() as url,
        pytest.raises(Unreachable, match="no inference"),
    ):
        make(url).infer("m", {"x": X})


def test_an_answer_over_the_limit_is_not_held(make: Make) -> None:
    with Answering({"POST /v1/services/s": whole(b"x" * 1000)}).on_tcp() as url:
        assert len(make(url, answer_bytes=1000).send("s", b"").body) == 1000
        with pytest.raises(Unreachable, match="larger than 999 bytes"):
            make(url, answer_bytes=999).send("s", b"")


def test_an_error_keeps_its_status_text_and_patience(make: Make) -> None:
    refusal = whole(b'{"error": "the queue is full"}', 503, retry_after="2")
    server = Answering({"POST /v2/models/m/infer": refusal})
    with server.on_tcp() as url, pytest.raises(RequestError) as caught:
        make(url, retry=Retry(attempts=9), timeout=1.5).infer("m", {"x": X})
    error = caught.value
    assert (error.status, error.problem, error.retry_after_seconds) == (503, "the queue is full", 2)
    assert len(server.asked) == 1, "asked again before the time that it was told"


@pytest.mark.parametrize(("body", "text"), [(b"no such route", "no such route"), (b"", "404 Not Found")])
def test_an_error_without_an_oip_body_says_what_there_is(make: Make, body: bytes, text: str) -> None:
    with Answering({"GET /v2/models/m": whole(body, 404)}).on_tcp() as url, pytest.raises(RequestError, match=text):
        make(url).metadata("m")


@pytest.mark.parametrize(
    ("name", "given", "text"),
    [
        ("media_type", "text/plain\r\nx: y", "content-type"),
        ("request_id", "a\nb", "x-request-id"),
        ("accept", "\N{SNOWMAN}", "accept"),
    ],
)
def test_what_no_header_can_hold_is_never_sent(make: Make, name: str, given: str, text: str) -> None:
    server = Answering({})
    with server.on_tcp() as url, pytest.raises(RequestError, match=text) as caught:
        make(url).send("s", b"", **{name: given})
    assert (caught.value.status, server.asked) == (400, [])


def test_an_array_that_no_data_type_can_hold_is_never_sent(make: Make) -> None:
    server = Answering({})
    with server.on_tcp() as url, pytest.raises(RequestError, match="complex64"):
        make(url).infer("m", {"x": np.zeros(1, np.complex64)})
    assert not server.asked


def test_silence_ends_with_the_time_of_the_call(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = make(f"http://127.0.0.1:{silent.getsockname()[1]}", retry=Retry(attempts=9))
        began = time.monotonic()
        with pytest.raises(Unreachable, match="did not answer in time"):
            client.send("s", b"", timeout=0.1, repeatable=True)
        assert time.monotonic() - began < 5, "it was tried again"


def test_more_calls_than_connections_wait_their_turn_within_their_time(make: Make) -> None:
    with Answering(
        {"POST /v1/services/s": Reply(chunks=(b"a", b"b")), "GET /v2/models/m": whole(b"{}")}
    ).on_tcp() as url:
        client = make(url, connections=1)
        with client.stream("s", b"") as _, pytest.raises(Unreachable):
            client.metadata("m", timeout=0.05)
        assert client.metadata("m") == {}


def test_a_gateway_is_ready_when_it_says_so(make: Make) -> None:
    server = Answering({"GET /v2/health/ready": whole(b"", 200)})
    with server.on_tcp() as url:
        client = make(url)
        assert client.ready()
        server.replies["GET /v2/health/ready"] = whole(b"", 503)
        assert not client.ready()
    assert not make(url).ready()


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://x", "http://", "", "http://x:99999", "http://[::1", "unix:"])
def test_an_address_that_is_none_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(LongspanError, match=r"no address of a gateway. Write it as http"):
        Client(url)
