"""Natural content, failing steps and streams, as a real worker answers them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.serving.running import Running, receive, until


def test_any_bytes_go_in_and_come_out(shared: Running) -> None:
    body = bytes(range(256)) * 1000
    answer = shared.content("same", body, Content_Type="image/png")
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["content-type"] == "application/octet-stream"


def test_what_is_json_is_answered_as_it_is(shared: Running) -> None:
    answer = shared.content("words", b"two words")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {"words": ["two", "words"], "thread": "longspan-chain"}


def test_an_answer_may_come_from_any_step(shared: Running) -> None:
    assert shared.content("both", b"a b").json["words"] == ["a", "b"]
    assert shared.content("both", b"a b", Accept="text/plain").body == b"a b"
    inputs = [{"name": "content", "shape": [1], "datatype": "BYTES", "data": ["a b"]}]
    answer = shared.infer("both", inputs, outputs=[{"name": "given"}])
    assert [(output["name"], output["data"]) for output in answer.json["outputs"]] == [("given", ["a b"])]


def test_a_type_that_is_not_accepted_or_answered_is_refused(shared: Running) -> None:
    answer = shared.content("same", b"x", Content_Type="application/json")
    assert answer.status == 415
    assert "image/*" in answer.json["error"]
    answer = shared.content("same", b"x", Content_Type="text/plain", Accept="application/json")
    assert answer.status == 406
    assert "application/octet-stream" in answer.json["error"]


def test_a_body_that_is_packed_in_a_way_not_known_is_refused(shared: Running) -> None:
    answer = shared.content("words", b"x", Content_Encoding="br")
    assert answer.status == 415
    assert "content-encoding" in answer.json["error"]


def test_a_step_that_raises_is_a_500_and_its_traceback_is_in_the_log_with_the_request_id(shared: Running) -> None:
    answer = shared.content("fail", b"the key", X_Request_Id="id-of-the-failure")
    assert answer.status == 500
    assert "'fail'" in answer.json["error"]
    assert "KeyError" in answer.json["error"]
    assert "Traceback" not in answer.json["error"]

    def records() -> list[dict[str, Any]]:
        return [record for record in shared.records() if record.get("request") == "id-of-the-failure"]

    logged, failed = until(lambda: len(records()) >= 2 and records(), "two records")
    assert (logged["level"], logged["message"], logged["step"]) == ("warning", "logged by a step", "fail")
    assert failed["level"] == "error"
    assert "raise KeyError(content.decode())" in failed["message"]
    assert "\nprinted by a step\n" in shared.log


def test_a_step_may_choose_its_status(shared: Running) -> None:
    answer = shared.content("fail", b"teapot")
    assert (answer.status, answer.json) == (422, {"error": "no tea"})


@pytest.mark.parametrize(("service", "body"), [("fail", b"exit"), ("later", b"exit"), ("later", b"cancel")])
def test_a_step_that_would_end_the_process_fails_its_request_only(shared: Running, service: str, body: bytes) -> None:
    answer = shared.content(service, body)
    assert answer.status == 500
    assert shared.content("words", b"x").status == 200


def test_an_asynchronous_step_is_awaited_behind_a_synchronous_one(shared: Running) -> None:
    assert shared.content("later", b"0.01").body == b"0.01"
    assert shared.infer("later", [{"name": "content", "shape": [1], "datatype": "BYTES", "data": ["0"]}]).status == 200


def test_a_stream_is_framed_as_its_media_type_wants(shared: Running) -> None:
    events = shared.content("count", b"3")
    assert events.headers["content-type"] == "text/event-stream"
    assert events.headers["transfer-encoding"] == "chunked"
    values = [{"number": number, "filler": ""} for number in range(3)]
    assert [json.loads(line[6:]) for line in events.body.decode().split("\n\n") if line] == values
    lines = shared.content("count", b"3", Accept="application/x-ndjson")
    assert [json.loads(line) for line in lines.body.splitlines()] == values
    assert shared.content("count", b"0").body == b""


def test_a_stream_comes_while_it_is_made(shared: Running) -> None:
    with shared.connect() as client:
        client.sendall(b"POST /v1/services/count HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n2:30")
        seen = b""
        while b'"number":0' not in seen:
            seen += client.recv(1 << 16)
    assert b'"number":1' not in seen  # it comes half a minute later


def test_inference_on_a_stream_names_its_natural_address(shared: Running) -> None:
    answer = shared.infer("count", [{"name": "content", "shape": [1], "datatype": "BYTES", "data": ["3"]}])
    assert answer.status == 400
    assert "/v1/services/count" in answer.json["error"]


def test_a_stream_that_fails_says_so_and_cuts_the_connection(shared: Running) -> None:
    with shared.connect() as client:
        client.sendall(b"POST /v1/services/count HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\n2:0:fail")
        answer = receive(client)
    assert b'"number":1' in answer
    assert b"event: error" in answer
    assert not answer.endswith(b"0\r\n\r\n")


def test_a_stream_that_fails_before_its_first_value_is_an_ordinary_error(shared: Running) -> None:
    answer = shared.content("count", b"many")
    assert answer.status == 500
    assert answer.headers["content-type"] == "application/json"


def test_a_stream_whose_client_has_gone_is_closed(shared: Running) -> None:
    with shared.connect() as client:
        client.sendall(b"POST /v1/services/count HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\n7777:0.1")
        assert b"200 OK" in client.recv(1 << 16)
    until(lambda: "7777\n" in _text(shared.folder / "closed"), "the generator's close")


def test_a_stream_waits_for_a_client_that_reads_slowly(shared: Running) -> None:
    """Of 200 MB only what fits between worker and client is made while nobody reads."""
    with shared.connect() as client:
        client.sendall(b"POST /v1/services/count HTTP/1.1\r\nhost: x\r\ncontent-length: 13\r\n\r\n100000:0:wide")
        until(lambda: shared.load("count").in_flight == 1, "the stream in the load page")
        seen = [shared.load("count").bytes_out, 0.0]

        def stands() -> bool:
            now, bytes_out = time.monotonic(), shared.load("count").bytes_out
            if bytes_out != seen[0]:
                seen[:] = [bytes_out, now]
            return seen[0] > 0 and now - seen[1] > 1.2  # the page is written at least once a second

        until(stands, "a stream that stands still")
        assert seen[0] < 5 << 20
    until(lambda: "100000\n" in _text(shared.folder / "closed"), "the generator's close")


def test_an_older_client_cannot_be_streamed_to(shared: Running) -> None:
    with shared.connect() as client:
        client.sendall(b"POST /v1/services/count HTTP/1.0\r\ncontent-length: 1\r\n\r\n3")
        assert receive(client).startswith(b"HTTP/1.1 505 ")


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
