"""Servers that are there already, asked over real sockets: what `status` tells of them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from longspan.base.signatures import Signature, TensorType
from longspan.capabilities.replicas.adapters import There
from longspan.capabilities.replicas.adapters.ports import choose, is_free
from longspan.capabilities.replicas.api import views
from longspan.spec.units import Unit
from longspan.system.records import Wanted
from longspan.wire.orders import Limits, ServerWork, ServiceWork, StepWork, Work

SIGNATURE = Signature({"text": TensorType("BYTES", (1,))}, {"text": TensorType("BYTES", (1,))})
MODEL = {
    "name": "upper",
    "inputs": [{"name": "text", "datatype": "BYTES", "shape": [1]}],
    "outputs": [{"name": "text", "datatype": "BYTES", "shape": [1]}],
}


def wanted(address: str) -> Wanted:
    step = StepWork(name="upper", repeatable=True, inputs={"text": "text"}, signature=SIGNATURE)
    service = ServiceWork(
        name="words.upper",
        version="1",
        inputs=SIGNATURE.inputs,
        outputs={"text": "upper.text"},
        steps=(step,),
        accepts={},
        answers={},
        limits=Limits(),
        internal=True,
    )
    work = Work(unit="words.upper", services=(service,), server=ServerWork(model="upper", address=address))
    unit = Unit(work=work, digest=work.digest(), replicas=1, ready_within_seconds=60, settle_seconds=0)
    return Wanted(unit=unit, generation=3)


class Other:
    """Answers each question with what `answers` says, else 404; counts them."""

    def __init__(self, listening: socket.socket) -> None:
        self.answers = {"/v2/health/ready": {}, "/v2/models/upper": MODEL}
        self.asked = 0
        self._listening = listening
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                wire, _ = self._listening.accept()
            except OSError:
                return
            with wire:
                self.asked += 1
                path = wire.recv(4096).split()[1].decode()
                body = json.dumps(self.answers.get(path)).encode()
                status = 200 if path in self.answers else 404
                wire.sendall(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body))

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)


@pytest.fixture(params=["unix", "tcp"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Other, str]]:
    if request.param == "tcp":
        listening = socket.create_server(("127.0.0.1", 0))
        address = f"127.0.0.1:{listening.getsockname()[1]}"
    else:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        address = f"unix:{tmp_path / 's'}"
    made = Other(listening)
    yield made, address
    made.close()


def test_one_that_is_ready_and_fits_is_well_and_is_asked_once_a_second_at_most(other: tuple[Other, str]) -> None:
    server, address = other
    there = There()
    for _ in range(5):
        assert there.troubles([wanted(address)]) == {"words.upper": ""}
    assert server.asked == 2


def test_one_that_does_not_fit_is_told_with_the_difference(other: tuple[Other, str]) -> None:
    server, address = other
    server.answers["/v2/models/upper"] = MODEL | {"outputs": [{"name": "text", "datatype": "FP32", "shape": [1]}]}
    [trouble] = There().troubles([wanted(address)]).values()
    assert trouble == "the server does not fit: output 'text' is declared as BYTES[1], and it gives FP32[1]"


def test_one_that_is_not_ready_is_told_by_its_answer(other: tuple[Other, str]) -> None:
    server, address = other
    del server.answers["/v2/health/ready"]
    assert There().troubles([wanted(address)]) == {"words.upper": "GET /v2/health/ready is answered 404"}


def test_one_that_is_away_is_a_dead_replica_without_a_process(tmp_path: Path) -> None:
    want = wanted(f"unix:{tmp_path / 'nothing'}")
    troubles = There().troubles([want])
    [unit] = views([want], [], lambda _unit, _slot: (), there=troubles)
    [replica] = unit.replicas
    assert (unit.wanted, replica.pid, replica.state, replica.generation) == (1, None, "dead", 3)
    assert "cannot be reached" in replica.last_log[0]


def test_a_chosen_port_is_free_and_nobody_else_s() -> None:
    port = choose(taken=())
    assert is_free(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
        assert choose(taken=()) != port
