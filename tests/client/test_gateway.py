"""Does the client of the gateway send what is meant, and tell what the gateway said?"""

from __future__ import annotations

import threading

import msgspec
import pytest

from longspan.base.errors import LongspanError, RequestError, Unreachable
from longspan.client.gateway import Gateway, Stream
from tests.client.answering import Answering, Reply, whole


def test_natural_content_is_sent_as_it_is_with_its_type() -> None:
    reply = whole(b'"setosa"', content_type="application/json; charset=utf-8", x_request_id="r1")
    server = Answering({"POST /v1/services/flower": reply})
    with server.on_tcp() as url:
        got = Gateway(url).send("flower", b"[1]", media_type="application/json", accept="text/plain", request_id="r1")
    assert (got.body, got.media_type, got.request_id) == (b'"setosa"', "application/json", "r1")
    asked = server.asked[0]
    assert asked.body == b"[1]"
    sent = {name: asked.headers[name] for name in ("content-type", "accept", "x-request-id")}
    assert sent == {"content-type": "application/json", "accept": "text/plain", "x-request-id": "r1"}


def test_a_stream_comes_chunk_by_chunk() -> None:
    """The second chunk is written only after the first has been read."""
    read = threading.Semaphore(1)
    reply = Reply(
        chunks=(b"a", b"b"), headers={"content-type": "text/plain"}, before_each=lambda: read.acquire(timeout=5)
    )
    with Answering({"POST /v1/services/talk": reply}).on_tcp() as url:
        chunks = []
        with Gateway(url).stream("talk", b"", media_type="text/plain") as stream:
            assert stream.media_type == "text/plain"
            for chunk in stream:
                chunks.append(chunk)
                read.release()
    assert chunks == [b"a", b"b"]


def test_a_stream_that_is_cut_off_is_an_error_and_not_an_end() -> None:
    reply = Reply(chunks=(b"half",), length=8)
    with (
        Answering({"POST /v1/services/talk": reply}).on_tcp() as url,
        Gateway(url).stream("talk", b"", media_type="text/plain") as stream,
        pytest.raises(Unreachable),
    ):
        list(stream)


def test_what_happens_to_the_reader_of_a_stream_is_its_own_affair() -> None:
    def read(stream: Stream) -> None:
        with stream:
            for _ in stream:
                raise BrokenPipeError

    with Answering({"POST /v1/services/talk": Reply(chunks=(b"a", b"b"))}).on_tcp() as url:
        stream = Gateway(url).stream("talk", b"", media_type="text/plain")
        with pytest.raises(BrokenPipeError):
            read(stream)


def test_an_inference_error_keeps_its_status_text_and_patience() -> None:
    refusal = whole(b'{"error": "the queue is full"}', 503, retry_after="2")
    with (
        Answering({"POST /v2/models/m/versions/2/infer": refusal}).on_tcp() as url,
        pytest.raises(RequestError) as caught,
    ):
        Gateway(url).infer("m", {"inputs": []}, version="2")
    error = caught.value
    assert (error.status, error.problem, error.retry_after_seconds) == (503, "the queue is full", 2)


@pytest.mark.parametrize(("body", "text"), [(b"no such route", "no such route"), (b"", "404 Not Found")])
def test_an_error_without_an_oip_body_says_what_there_is(body: bytes, text: str) -> None:
    with Answering({"GET /v2/models/m": whole(body, 404)}).on_tcp() as url, pytest.raises(RequestError, match=text):
        Gateway(url).metadata("m")


def test_an_inference_goes_and_comes_as_json_values() -> None:
    request = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1.5]}]}
    server = Answering({"POST /v2/models/m/infer": whole(b'{"outputs": []}')})
    with server.on_tcp() as url:
        assert Gateway(url).infer("m", request) == {"outputs": []}
    assert msgspec.json.decode(server.asked[0].body) == request


def test_a_gateway_is_ready_when_it_says_so() -> None:
    server = Answering({"GET /v2/health/ready": whole(b"", 200)})
    with server.on_tcp() as url:
        assert Gateway(url).ready()
        server.replies["GET /v2/health/ready"] = whole(b"", 503)
        assert not Gateway(url).ready()
    assert not Gateway(url).ready()


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://x", "http://", ""])
def test_an_address_that_is_none_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(LongspanError, match=r"no address of a gateway. Write it as http"):
        Gateway(url)
