"""Steps in servers of somebody else's that are there already: called by JSON and by bytes, odd, away and back again."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from benchmarks.system import System
from longspan.base.signatures import TensorType
from longspan.wire.oip import HEADER_LENGTH, CallCodec
from tests.journeys.others import Double, Server, Upper
from tests.serving.running import until

FILE = """\
system: {{name: others}}
services:
  words:
    settle: 0s
    steps:
      upper:
        url: http://localhost:{port}/
        inputs: {{text: "BYTES[1]"}}
        outputs: {{text: "BYTES[1]"}}
    accepts: {{"text/plain": upper.text}}
    answers: {{"text/plain": upper.text}}
  twice:
    settle: 0s
    steps:
      double:
        url: unix:{socket}
        serves: double/versions/2
        binary: true
        repeatable: true
        inputs: {{rows: "FP32[batch, 4]"}}
        outputs: {{rows: "FP32[batch, 4]"}}
gateway: {{port: 0}}
"""


class Answer(NamedTuple):
    status: int
    body: bytes
    retry_after: str | None

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])


class Others:
    """The system and its two servers."""

    def __init__(self, system: System, socket: Path) -> None:
        self.system, self.socket = system, socket
        self.upper, self.double = Server(Upper, 0), Server(Double, socket)

    def ask(self, path: str, body: bytes | None = None, **fields: str) -> Answer:
        wire = http.client.HTTPConnection(self.system.address, timeout=20)
        try:
            names = {name.replace("_", "-"): value for name, value in fields.items()}
            wire.request("GET" if body is None else "POST", path, body, names)
            answer = wire.getresponse()
            return Answer(answer.status, answer.read(), answer.getheader("retry-after"))
        finally:
            wire.close()

    def say(self, text: str) -> Answer:
        """``words`` by natural content."""
        return self.ask("/v1/services/words", text.encode(), content_type="text/plain")

    def ready(self) -> bool:
        return self.ask("/v2/health/ready").status == 200


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Others]:
    folder = tmp_path_factory.mktemp("others")
    with System(folder) as system:
        found = Others(system, folder / "double.sock")
        (folder / "longspan.yaml").write_text(FILE.format(port=found.upper.port, socket=found.socket))
        system.run("up", "--detach")
        system.until("serving", lambda status: status.generation is not None)
        until(found.ready, "the servers to be seen")
        yield found
        found.upper.stop()
        found.double.stop()


def test_a_step_is_a_server_that_knows_json_alone(others: Others) -> None:
    assert others.say("straße") == Answer(200, b"STRASSE", None)
    assert Upper.calls[-1] == "application/json"


def test_a_step_is_a_server_that_takes_tensors_as_bytes(others: Others) -> None:
    rows = {"rows": TensorType("FP32", ("batch", 4))}
    codec, array = CallCodec(rows, rows), np.random.default_rng(5).random((1000, 4), "f4")
    asked = codec.encode({"rows": array})
    fields = {"content-type": "application/octet-stream", HEADER_LENGTH: str(asked.header_length)}
    wire = http.client.HTTPConnection(others.system.address, timeout=20)
    wire.request("POST", "/v2/models/twice/infer", b"".join(asked.parts), fields)
    answer = wire.getresponse()
    told = codec.decode(answer.read(), int(answer.getheader(HEADER_LENGTH) or 0), rows=1000)
    assert np.array_equal(told["rows"], array * 2)
    assert Double.calls[-1] == "application/octet-stream"
    wire.close()


def test_the_same_step_is_called_by_json_from_without(others: Others) -> None:
    body = {"inputs": [{"name": "rows", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 0.5]}]}
    answer = json.loads(others.ask("/v2/models/twice/infer", json.dumps(body).encode()).body)
    assert answer["outputs"][0]["data"] == [2, 4, 6, 1]


@pytest.mark.parametrize(
    ("word", "status", "text"),
    [
        ("refuse", 422, "step 'upper': no such word"),
        ("crash", 500, "step 'upper' failed: its server answered 500"),
        ("short", 500, "step 'upper' failed: output 'text'"),
        ("full", 503, "step 'upper' is not available just now"),
        ("drop", 503, "step 'upper' was cut off before its answer; not run again"),
        ("noise", 500, "step 'upper' failed: its server answered 502"),
    ],
)
def test_each_fault_of_a_server_has_its_answer_and_leaves_it_callable(
    word: str, status: int, text: str, others: Others
) -> None:
    before = len(Upper.calls)
    answer = others.say(word)
    assert (answer.status, answer.error[: len(text)]) == (status, text)
    assert "srv" not in answer.error
    assert answer.retry_after == ("1" if word == "full" else None)
    assert len(Upper.calls) == before + 1, "nothing is sent twice to a server that is not repeatable"
    until(lambda: others.say("on").body == b"ON", "it to be called again")


def test_what_json_cannot_hold_is_the_clients_fault(others: Others) -> None:
    answer = others.ask("/v1/services/words", b"\xff", content_type="text/plain")
    assert (answer.status, "no UTF-8 text" in answer.error) == (400, True)


def test_a_server_that_is_away_is_503_and_not_ready_and_holds_up_no_update(others: Others) -> None:
    others.upper.stop()
    until(lambda: not others.ready(), "the gateway to see it")
    with ThreadPoolExecutor() as beside:
        # It waits for the server to come back, as for any replica: for about seven seconds.
        waiting = beside.submit(others.say, "hello")
        others.system.change("longspan.yaml", 'text: "BYTES[1]"', 'text: "TEXT[1]"')
        others.system.run("apply")
        assert waiting.result() == Answer(503, b'{"error":"step \'upper\' is not available just now"}', "1")
    status = others.system.status()
    assert (status.generation, status.failed) == (2, None)
    assert others.ask("/v2/models/twice/ready").status == 200
    others.upper = Server(Upper, others.upper.port)
    until(lambda: others.ready() and others.say("back").body == b"BACK", "it to be back")


def test_another_name_at_the_server_is_a_500_that_says_so(others: Others) -> None:
    others.system.change("longspan.yaml", "      upper:\n", "      upper:\n        serves: lower\n")
    others.system.run("apply")
    answer = others.say("hello")
    assert (answer.status, answer.error) == (500, "step 'upper' failed: it is not served there, says its server")
