"""Large bodies and large answers: they take another way than small ones, and nobody can tell."""

from __future__ import annotations

import random
import socket
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest

from longspan.base.signatures import TensorType
from longspan.wire.oip import CallCodec
from tests.serving.running import ROWS, Running, receive

LARGE = random.Random(4).randbytes(300_000)


def posted(body: bytes, *, path: str = "/v1/services/same", last: bool = False) -> bytes:
    end = b"connection: close\r\n" if last else b""
    head = b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n" % path.encode()
    return head + b"content-length: %d\r\n%b\r\n" % (len(body), end) + body


def bodies(answers: bytes) -> list[bytes]:
    """Of answers that follow each other."""
    found = []
    while answers:
        head, _, rest = answers.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        found.append(rest[:length])
        answers = rest[length:]
    return found


@pytest.mark.parametrize("seed", range(4))
def test_however_it_is_cut_a_large_body_arrives_whole_among_others(shared: Running, seed: int) -> None:
    chance = random.Random(seed)
    wanted = [LARGE, b"small", LARGE[::-1], LARGE[:70_000], b"", b"end"]
    sent = b"".join(posted(body, last=body == b"end") for body in wanted)
    cuts = sorted(chance.sample(range(1, len(sent)), 40))

    def send(client: socket.socket) -> None:
        for start, end in pairwise([0, *cuts, len(sent)]):
            client.sendall(sent[start:end])

    with shared.connect() as client, ThreadPoolExecutor(1) as sender:  # who does not read is not read either
        sending = sender.submit(send, client)
        assert bodies(receive(client)) == wanted
        sending.result()


def test_a_large_body_that_stops_ends_with_its_connection(shared: Running) -> None:
    with shared.connect() as client:
        client.sendall(posted(LARGE)[:200_000])
    assert shared.content("same", b"still here", content_type="text/plain").body == b"still here"


def test_a_large_json_body_is_read_where_it_lies(shared: Running) -> None:
    rows = [[float(n), 0.0, 0.0, 0.5] for n in range(8_000)]
    tensor = {"name": "rows", "datatype": "FP32", "shape": [8_000, 4], "data": rows}
    answer = shared.infer("double", [tensor])
    assert answer.status == 200
    assert answer.json["outputs"][0]["data"][-4:] == [15_998.0, 0.0, 0.0, 1.0]


def test_large_answers_leave_in_the_order_of_their_requests(shared: Running) -> None:
    codec = CallCodec({"rows": ROWS}, {"result": TensorType("FP32", ("batch", 4))})
    rows = np.random.default_rng(1).random((20_000, 4), "f4")
    asked = codec.encode({"rows": rows})
    head = b"POST /v2/models/double/infer HTTP/1.1\r\nhost: x\r\ninference-header-content-length: %d\r\n"
    request = (head + b"content-length: %d\r\n\r\n") % (asked.header_length, asked.size) + b"".join(asked.parts)
    with shared.connect() as client:
        client.sendall(request + posted(b"between") + request + posted(b"end", last=True))
        first, between, second, end = bodies(receive(client))
    assert (between, end) == (b"between", b"end")
    for answer in (first, second):
        length = answer.index(b"]}") + 2
        length += -length % 16
        assert np.array_equal(codec.decode(answer, length)["result"], rows * 2)
