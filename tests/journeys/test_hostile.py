"""Every hostile request of the table, through a real gateway, while others are served: nobody else is touched.

What a worker alone does with each stands in `tests/serving/test_hostile.py`.
"""

from __future__ import annotations

import re
import socket
import struct
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from benchmarks import tiny
from benchmarks.system import System
from longspan.client.load import Background, Plan, Request
from tests.hostile.bodies import BODIES, sent
from tests.hostile.case import BODY, GOOD, INFER, WITHIN_SECONDS, answered, ask, judge, parse, to_the_end
from tests.hostile.frames import CODINGS, FRAMES, HEADS
from tests.hostile.http2 import PREFACE, frame, get, goes_away

FILE = """\
system: {name: hostile}
models:
  net: {path: tiny.onnx}
services:
  tiny:
    settle: 0s
    steps:
      net: {model: net}
  echo:
    settle: 0s
    accepts: {"*/*": echo.content}
    answers: {application/octet-stream: echo.result}
    steps:
      echo: {run: "steps:echo", repeatable: true}
gateway: {port: 0}
"""
STEPS = "def echo(content: bytes) -> bytes:\n    return content\n"
CASES = BODIES | FRAMES | HEADS | CODINGS
MB = 1 << 20


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("hostile")
    tiny.write(folder / "tiny.onnx")
    (folder / "longspan.yaml").write_text(FILE)
    (folder / "steps.py").write_text(STEPS)
    with System(folder) as system:
        system.up()
        yield system


@contextmanager
def others_served(system: System) -> Iterator[None]:
    """Meanwhile nobody else's request may fail, and no process may die or grow by much."""
    request = Request(path="/v2/models/tiny/infer", body=BODY)
    before = memory(system)
    with Background(Plan(address=system.address, requests=(request,), rate_per_second=100.0, seconds=60.0)) as load:
        yield
    assert load.report.clean, f"{load.report}\n{system.tails()}"
    after = memory(system)
    assert after.keys() == before.keys()
    assert {name: after[name] - before[name] for name in after if after[name] - before[name] > 128 * MB} == {}


def memory(system: System) -> dict[str, int]:
    """Bytes that Envoy and each worker hold, by their pids."""
    pids = [system.status().gateway.pid, *(one.pid for one in system.replicas())]
    held = {pid: Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0] for pid in pids}
    return {str(pid): int(kib) << 10 for pid, kib in held.items()}


def connect(system: System) -> socket.socket:
    host, _, port = system.address.rpartition(":")
    return socket.create_connection((host, int(port)), WITHIN_SECONDS)


def refused(system: System) -> float:
    """Answers of 400 to 499 that the gateway has counted."""
    with urllib.request.urlopen(f"http://{system.address}/-/metrics") as answer:
        found = re.search(r'longspan_gateway_answers_total\{class="4[^}]*\} (\S+)', answer.read().decode())
    return float(found[1]) if found else 0.0


def test_each_is_refused_in_form_and_counted_and_nobody_else_is_touched(system: System) -> None:
    def send(name: str) -> str:
        try:
            with connect(system) as client:
                answered(client, CASES[name], at_gateway=True)
        except AssertionError as error:
            return f"{name}: {str(error)[:400]}"
        return ""

    before = refused(system)
    with others_served(system), ThreadPoolExecutor(8) as senders:
        failures = [failure for failure in senders.map(send, CASES) if failure]
    assert not failures, "\n".join(failures)
    wrong = sum(400 <= (case.gateway or case.status) < 500 for case in CASES.values())
    assert refused(system) - before >= wrong


def test_slow_torn_and_half_closed_connections_hold_nobody_up(system: System) -> None:
    upload = b"POST /v1/services/echo HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % (8 * MB) + bytes(8 * MB)
    with others_served(system), ExitStack() as open_to_the_end:
        stalled = [open_to_the_end.enter_context(connect(system)) for _ in range(100)]
        for number, client in enumerate(stalled):
            client.sendall(GOOD[: 1 + number * (len(GOOD) - 1) // 100])
        with connect(system) as client:  # byte by byte
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(len(GOOD) - 1):
                client.sendall(GOOD[at : at + 1])
            assert ask(client, GOOD[-1:]).status == 200
        for share in (0.01, 0.5, 0.99):  # reset in the middle of a body
            with connect(system) as client:
                client.sendall(upload[: int(share * len(upload))])
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for _ in range(3):  # and of an answer
            with connect(system) as client:
                client.sendall(upload)
                assert client.recv(1000)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with connect(system) as client:  # half-closed: who sends no more is taken for gone
            client.sendall(GOOD)
            client.shutdown(socket.SHUT_WR)
            assert parse(to_the_end(client)) is None
        with connect(system) as client:
            got = ask(client, GOOD + b"\0\1garbage\r\n\r\n")
            assert got.status == 200
            after = parse(got.rest) or ask(client, b"")
            assert after.status == 400
            judge(after)


@pytest.mark.parametrize("framing", ["content-length: 104857600", "transfer-encoding: chunked"])
def test_a_hundred_megabytes_are_refused(system: System, framing: str) -> None:
    part = b"x" * MB if "length" in framing else b"100000\r\n" + b"x" * MB + b"\r\n"
    with others_served(system), connect(system) as client:
        got = ask(client, INFER + framing.encode() + b"\r\n\r\n" + part * 100)
        assert got.status == 413
        judge(got)


def test_hostile_http2_costs_its_own_connection(system: System) -> None:
    with others_served(system):
        with connect(system) as client:
            client.sendall(PREFACE + frame(4) + get(1))
            come = b""
            while b'{"live": true}' not in come:
                come += client.recv(1 << 16)
        resets = b"".join(get(stream) + frame(3, stream, b"\0\0\0\x08") for stream in range(1, 20_001, 2))
        full = b"\x40\x01a\x7f\xe1\x1e" + b"v" * 4000
        for name, bytes_sent in {
            "streams opened and reset": resets,
            "a header told ten thousand times": get(1, full + b"\xbe" * 10_000),
            "a frame of 16 MB": frame(0, 1, length=(1 << 24) - 1),
            "headers without end": frame(1, 1, b"\x82", flags=0) + frame(9, 1, b"\x00\x01a\x01b" * 2000, flags=0) * 20,
            "ten thousand settings": frame(4, 0, b"\0\3\0\0\0\1") * 10_000,
            "ten thousand pings": frame(6, 0, bytes(8)) * 10_000,
            "noise": bytes(range(256)) * 100,
        }.items():
            with connect(system) as client:
                assert goes_away(client, PREFACE + frame(4) + bytes_sent), name


def test_what_is_compressed_is_read_through_the_gateway(system: System) -> None:
    with connect(system) as client:
        for name in ("gzip", "deflate"):
            assert ask(client, CODINGS[name].raw).status == 200
        got = ask(client, sent(BODY, b"content-encoding: br"))
        assert (got.status, got.headers["accept-encoding"]) == (415, "gzip, deflate, identity")
