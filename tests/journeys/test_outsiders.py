"""Others talk to the gateway unchanged: tritonclient, curl's natural content, the package magika as the oracle."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
import tritonclient.http as triton
from magika import Magika

from benchmarks import tiny
from benchmarks.files import real_files
from benchmarks.system import System, copy_example
from longspan.client.sync import Client

CORNERS = (b"", b"a", b"\xff", b"abc\xc3", b"  \n\t ", b" " * 5_000, b"12345678", bytes(range(256)) * 3)

SCORES = """\
services:
  scores:
    settle: 0s
    steps:
      classify: {model: tiny}
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """examples/file-type, and the tiny model beside it."""
    with System(copy_example("file-type", tmp_path_factory.mktemp("outsiders"))) as system:
        tiny.write(system.folder / "tiny.onnx")
        system.change("longspan.yaml", "models:\n", "models:\n  tiny: {path: tiny.onnx}\n")
        system.change("longspan.yaml", "port: 8080", "port: 0")
        system.change("longspan.yaml", "replicas: 2", "replicas: 2\n    settle: 0s")
        system.change("longspan.yaml", "services:\n", SCORES)
        system.up()
        yield system


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(system.address) as client:
        yield client


def test_two_hundred_real_files_get_the_answers_of_magika_through_the_gateway(system: System) -> None:
    gateway, oracle = Client(system.status().url, retry=None), Magika()
    contents = [*CORNERS, *(path.read_bytes() for path in real_files(200))]
    for content in contents:
        reply = gateway.send("file-type", content, media_type="application/octet-stream")
        ours, theirs = json.loads(reply.body), oracle.identify_bytes(content).prediction
        kind = theirs.output
        assert (ours["label"], ours["mime"], ours["group"]) == (str(kind.label), kind.mime_type, kind.group)
        assert ours["score"] == pytest.approx(theirs.score, abs=1.5e-4)
        assert reply.media_type == "application/json"


def test_tritonclient_finds_server_and_models_alive_and_described(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("tiny")
    assert client.is_model_ready("file-type", "1")
    assert not client.is_model_ready("nobody")
    metadata = client.get_model_metadata("tiny")
    assert metadata["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 16]}]
    assert metadata["outputs"] == [{"name": "scores", "datatype": "FP32", "shape": [-1, 3]}]
    assert client.get_server_metadata()["name"] == "longspan"


@pytest.mark.parametrize("binary_in", [True, False], ids=["binary in", "json in"])
@pytest.mark.parametrize("binary_out", [True, False], ids=["binary out", "json out"])
def test_tritonclient_infers_in_both_forms(
    client: triton.InferenceServerClient, binary_in: bool, binary_out: bool
) -> None:
    rows = np.array([tiny.ROW, tiny.ROW[::-1]], np.float32)
    given = triton.InferInput("input", list(rows.shape), "FP32")
    given.set_data_from_numpy(rows, binary_data=binary_in)
    asked = triton.InferRequestedOutput("scores", binary_data=binary_out)
    result = client.infer("tiny", [given], outputs=[asked], request_id="mine")
    expected = [tiny.expected(), tiny.expected(tiny.ROW[::-1])]
    np.testing.assert_allclose(result.as_numpy("scores"), expected, atol=1e-5)
    assert result.get_response()["id"] == "mine"


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_tritonclient_sends_bytes_to_a_service_of_steps(client: triton.InferenceServerClient, binary: bool) -> None:
    given = triton.InferInput("content", [1], "BYTES")
    given.set_data_from_numpy(np.array([b"#!/bin/sh\necho hello world\nexit 0\n" * 9], object), binary_data=binary)
    result = client.infer("file-type", [given], outputs=[triton.InferRequestedOutput("result", binary_data=binary)])
    (answer,) = result.as_numpy("result")
    assert json.loads(answer)["label"] == "shell"


def test_tritonclient_is_told_what_is_wrong(client: triton.InferenceServerClient) -> None:
    given = triton.InferInput("input", [1, 2], "FP32")
    given.set_data_from_numpy(np.zeros((1, 2), np.float32))
    with pytest.raises(triton.InferenceServerException, match="16"):
        client.infer("tiny", [given])
