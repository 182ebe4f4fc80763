"""Does one request reach a process, and does whatever can go wrong end as one error in bounded time?"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.errors import Unreachable
from longspan.client.connection import unix_get, unix_request
from tests.client.answering import Answering, Reply, whole


def test_a_question_over_a_socket_brings_status_and_body(tmp_path: Path) -> None:
    server = Answering({"GET /ready": whole(b"yes", 503)})
    with server.on_unix(tmp_path / "s"):
        assert unix_get(str(tmp_path / "s"), "/ready", 5) == (503, b"yes")


def test_a_body_is_sent_with_its_headers(tmp_path: Path) -> None:
    server = Answering({"POST /drain": whole(b"")})
    with server.on_unix(tmp_path / "s"):
        unix_request("POST", str(tmp_path / "s"), "/drain", timeout=5, body=b"now", headers={"x-a": "b"})
    assert (server.asked[0].body, server.asked[0].headers["x-a"]) == (b"now", "b")


def test_a_path_longer_than_a_socket_address_may_be_is_reached_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30)
    folder.mkdir()
    short = tmp_path / "s"
    with Answering({"GET /": whole(b"ok")}).on_unix(short):
        short.rename(folder / "s")
        assert len(os.fsencode(folder / "s")) > 107
        assert unix_get(str(folder / "s"), "/", 5) == (200, b"ok")


@given(chunks=st.lists(st.binary(min_size=1, max_size=70_000), max_size=5))
def test_a_body_arrives_as_it_was_sent_whether_counted_or_in_chunks(chunks: list[bytes]) -> None:
    body = b"".join(chunks)
    replies = {"GET /chunked": Reply(chunks=tuple(chunks)), "GET /counted": whole(body)}
    with tempfile.TemporaryDirectory() as folder, Answering(replies).on_unix(Path(folder, "s")):
        assert unix_get(f"{folder}/s", "/chunked", 5) == unix_get(f"{folder}/s", "/counted", 5) == (200, body)


def test_no_socket_and_a_dead_socket_are_the_same_error(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead"))
    for name in ("none", "dead"):
        with pytest.raises(Unreachable, match="cannot be reached"):
            unix_get(str(tmp_path / name), "/", 5)


def test_silence_ends_with_the_time_limit(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with pytest.raises(Unreachable, match="did not answer in time"):
            unix_get(str(tmp_path / "s"), "/", 0.05)


def test_a_body_that_is_cut_off_is_no_body(tmp_path: Path) -> None:
    with (
        Answering({"GET /": Reply(chunks=(b"half",), length=8)}).on_unix(tmp_path / "s"),
        pytest.raises(Unreachable, match="IncompleteRead"),
    ):
        unix_get(str(tmp_path / "s"), "/", 5)


def test_a_body_over_the_limit_is_not_held(tmp_path: Path) -> None:
    with Answering({"GET /": whole(b"x" * 1000)}).on_unix(tmp_path / "s"):
        assert len(unix_request("GET", str(tmp_path / "s"), "/", timeout=5, limit_bytes=1000)[1]) == 1000
        with pytest.raises(Unreachable, match="more than 999 bytes"):
            unix_request("GET", str(tmp_path / "s"), "/", timeout=5, limit_bytes=999)


def test_an_answer_that_comes_before_the_whole_request_was_sent_is_read(tmp_path: Path) -> None:
    """As a gateway does that refuses a body by its length."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        server.settimeout(5)

        def refuse() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig")
                connection.shutdown(socket.SHUT_RD)

        thread = threading.Thread(target=refuse)
        thread.start()
        assert unix_request("POST", str(tmp_path / "s"), "/", timeout=5, body=b"x" * (8 << 20)) == (413, b"big")
        thread.join()
