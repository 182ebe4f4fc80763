"""The Open Inference Protocol, as a real worker speaks it over its socket."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from benchmarks import tiny
from longspan import __version__
from tests.serving.running import Running


def rows(*values: list[float]) -> list[dict[str, object]]:
    return [{"name": "rows", "shape": [len(values), 4], "datatype": "FP32", "data": [v for row in values for v in row]}]


def test_a_model_answers_what_it_computes_and_echoes_the_id(shared: Running) -> None:
    request = [{"name": "input", "shape": [1, 16], "datatype": "FP32", "data": list(tiny.ROW)}]
    answer = shared.infer("tiny", request, id="mine")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["model_name"] == "tiny"
    assert answer.json["model_version"] == "1"
    assert answer.json["id"] == "mine"
    (output,) = answer.json["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("scores", "FP32", [1, 3])
    assert output["data"] == pytest.approx(tiny.expected(), abs=1e-5)


def test_tensors_may_come_and_go_as_bytes(shared: Running) -> None:
    given = np.array([tiny.ROW, tiny.ROW], "<f4")
    described = {
        "inputs": [
            {"name": "input", "shape": [2, 16], "datatype": "FP32", "parameters": {"binary_data_size": given.nbytes}}
        ],
        "outputs": [{"name": "scores", "parameters": {"binary_data": True}}],
    }
    head = json.dumps(described).encode()
    answer = shared.request(
        "POST", "/v2/models/tiny/infer", head + given.tobytes(), Inference_Header_Content_Length=str(len(head))
    )
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers["inference-header-content-length"])
    assert json.loads(answer.body[:length])["outputs"][0]["parameters"] == {"binary_data_size": 24}
    scores = np.frombuffer(answer.body[length:], "<f4").reshape(2, 3)
    assert scores[1] == pytest.approx(tiny.expected(), abs=1e-5)


def test_a_service_is_called_as_a_model_is(shared: Running) -> None:
    answer = shared.infer("double", rows([1, 2, 3, 4]))
    assert answer.json["outputs"][0]["data"] == [2, 4, 6, 8]
    assert shared.request("GET", "/v2/models/double").json["platform"] == "longspan_service"


def test_metadata_and_health_tell_what_is_there(shared: Running) -> None:
    assert shared.request("GET", "/v2").json == {
        "name": "longspan",
        "version": __version__,
        "extensions": ["binary_tensor_data"],
    }
    assert shared.request("GET", "/v2/health/live").json == {"live": True}
    assert shared.request("GET", "/v2/health/ready").json == {"ready": True}
    for path in ("/v2/models/tiny", "/v2/models/tiny/versions/1"):
        metadata = shared.request("GET", path).json
        assert metadata["platform"] == "onnx_onnxv1"
        assert metadata["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 16]}]
        assert shared.request("GET", path + "/ready").json == {"name": "tiny", "ready": True}


def test_the_version_in_the_path_must_be_the_one_that_is_held(shared: Running) -> None:
    body = tiny.infer_body()
    assert shared.request("POST", "/v2/models/tiny/versions/1/infer", body).status == 200
    assert shared.request("POST", "/v2/models/tiny/versions/2/infer", body).status == 404
    assert shared.request("GET", "/v2/models/tiny/versions/2/ready").status == 404


def test_the_replica_says_who_it_is(shared: Running) -> None:
    identity = shared.request("GET", "/-/replica").json
    assert identity["pid"] == shared.process.pid
    assert identity["digest"] == shared.work.digest()
    assert (identity["replica"], identity["unit"], identity["generation"]) == ("0190-test", "unit", 1)
    assert (identity["state"], identity["build"]) == ("ready", __version__)


@pytest.mark.parametrize(
    "path",
    ["/", "/v2/", "/v2/models", "/v2/models/none/infer", "/v2/models/t%69ny/infer", "/v1/services/double", "//v2"],
)
def test_only_exact_paths_are_known(shared: Running, path: str) -> None:
    answer = shared.request("POST", path, b"{}")
    assert answer.status == 404
    assert "both, count, double, fail, later, same, tiny, words" in answer.json["error"]


def test_a_query_or_an_absolute_path_changes_nothing(shared: Running) -> None:
    assert shared.request("GET", "/v2?verbose=1").status == 200
    assert shared.request("GET", "http://worker/v2/health/live").json == {"live": True}
    assert shared.request("POST", "/v2/models/tiny/infer?x=/y", tiny.infer_body()).status == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v2", "GET, HEAD, OPTIONS"),
        ("GET", "/v2/models/tiny/infer", "OPTIONS, POST"),
        ("DELETE", "/v1/services/same", "OPTIONS, POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(shared: Running, method: str, path: str, allowed: str) -> None:
    answer = shared.request(method, path, b"x")
    assert answer.status == 405
    assert answer.headers["allow"] == allowed
    assert allowed in answer.json["error"]
    options = shared.request("OPTIONS", path)
    assert (options.status, options.headers["allow"], options.body) == (204, allowed, b"")


def test_head_gives_the_head_of_get(shared: Running) -> None:
    got, head = (shared.request(method, "/v2") for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(got.body))


def test_a_bad_request_is_told_what_was_expected_and_what_came(shared: Running) -> None:
    wrong = [{"name": "input", "shape": [1, 15], "datatype": "FP32", "data": [0.0] * 15}]
    answer = shared.infer("tiny", wrong)
    assert answer.status == 400
    assert "[batch, 16]" in answer.json["error"]
    assert "15" in answer.json["error"]
    assert shared.request("POST", "/v2/models/tiny/infer", b"{").status == 400
    answer = shared.request("POST", "/v2/models/tiny/infer", b"{}", Inference_Header_Content_Length="-1")
    assert answer.status == 400


def test_an_id_of_hundreds_of_callers_comes_back_with_its_own_rows(shared: Running) -> None:
    """Alike requests share runs, with other sizes and other models between them; nobody gets another's answer."""

    def call(caller: int) -> None:
        with shared.client() as client:
            for turn in range(12):
                number = caller * 100 + turn
                count = 1 + number % 3
                given = [[number, row, -number, 0.5] for row in range(count)]
                body = json.dumps({"id": str(number), "inputs": rows(*given)}).encode()
                answer = client.request("POST", "/v2/models/double/infer", body)
                assert answer.status == 200, answer.json
                assert answer.json["id"] == str(number)
                assert answer.json["outputs"][0]["shape"] == [count, 4]
                assert answer.json["outputs"][0]["data"] == [2 * value for row in given for value in row]

    batches = shared.folder / "batches"
    batches.unlink(missing_ok=True)
    with ThreadPoolExecutor(16) as callers:
        list(callers.map(call, range(16)))
    assert max(int(line) for line in batches.read_text().split()) > 3, "nothing was batched"


def test_what_fails_in_a_shared_run_fails_its_own_caller_only(shared: Running) -> None:
    def call(number: int) -> tuple[int, int]:
        first = -1 if number % 5 == 0 else number
        answer = shared.infer("double", rows([first, 0, 0, 0]))
        if answer.status == 200:
            assert answer.json["outputs"][0]["data"][0] == 2 * first
        return number, answer.status

    with ThreadPoolExecutor(20) as callers:
        for number, status in callers.map(call, range(60)):
            assert status == (500 if number % 5 == 0 else 200), number


def test_a_batch_of_the_loop_gives_each_connection_its_own(shared: Running) -> None:
    """Requests that arrive in one turn of the loop run as one: 40 connections, written to before any is read."""
    clients = [shared.connect() for _ in range(40)]
    given = np.random.default_rng(7).standard_normal((40, 16)).astype(np.float32)
    for client, row in zip(clients, given, strict=True):
        body = tiny.infer_body(tuple(float(value) for value in row))
        head = b"POST /v2/models/tiny/infer HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        client.sendall(head % len(body) + body)
    for client, row in zip(clients, given, strict=True):
        answer = b""
        while part := client.recv(1 << 16):
            answer += part
        client.close()
        body = answer.partition(b"\r\n\r\n")[2]
        expected = tiny.expected(tuple(float(value) for value in row))
        assert json.loads(body)["outputs"][0]["data"] == pytest.approx(expected, abs=1e-5)
