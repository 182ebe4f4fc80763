"""Do streams come as they are sent, and does leaving one early cost nothing but its connection?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from longspan.base.errors import RequestError, Unreachable
from tests.client.answering import Answering, Reply, raw_server, whole

Make = Callable[..., Any]


def test_a_stream_comes_piece_by_piece_and_its_connection_is_used_again(make: Make) -> None:
    """The second piece is written only after the first has been read."""
    read = threading.Semaphore(1)
    reply = Reply(
        chunks=(b"a", b"b"), headers={"content-type": "text/plain"}, before_each=lambda: read.acquire(timeout=5)
    )
    server = Answering({"POST /v1/services/talk": reply})
    with server.on_tcp() as url:
        client = make(url)
        for _ in range(2):
            pieces = []
            with client.stream("talk", b"", media_type="text/plain") as stream:
                assert stream.media_type == "text/plain"
                for piece in stream:
                    pieces.append(piece)
                    read.release()
            assert pieces == [b"a", b"b"]
    assert len({asked.peer for asked in server.asked}) == 1


def test_leaving_a_stream_early_closes_its_connection_and_frees_its_place(make: Make) -> None:
    reply = Reply(chunks=(b"x" * 1000,) * 2000)
    server = Answering({"POST /v1/services/talk": reply})
    with server.on_tcp() as url:
        client = make(url, connections=1)
        for _ in range(3):
            with client.stream("talk", b"") as stream:
                assert next(iter(stream))
    assert len({asked.peer for asked in server.asked}) == 3


def test_a_long_stream_is_not_held(make: Make) -> None:
    reply = Reply(chunks=(b"x" * 1000,) * 2000)
    with Answering({"POST /v1/services/talk": reply}).on_tcp() as url:
        with make(url, answer_bytes=10).stream("talk", b"") as stream:
            assert sum(map(len, stream)) == 2_000_000


def test_a_stream_that_is_cut_off_or_silent_is_an_error_and_not_an_end(make: Make) -> None:
    cut = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"
    url, thread = raw_server([cut])
    with make(url).stream("talk", b"") as stream, pytest.raises(Unreachable):
        list(stream)
    thread.join()
    going = threading.Event()
    reply = Reply(chunks=(b"a", b"b"), before_each=lambda: going.wait(0.3))
    with Answering({"POST /v1/services/talk": reply}).on_tcp() as url:
        with make(url).stream("talk", b"", timeout=0.1) as stream, pytest.raises(Unreachable):
            list(stream)
        going.set()


def test_what_happens_to_the_reader_of_a_stream_is_its_own_affair(make: Make) -> None:
    with Answering({"POST /v1/services/talk": Reply(chunks=(b"a", b"b"))}).on_tcp() as url:
        with pytest.raises(BrokenPipeError), make(url).stream("talk", b"") as stream:
            for _ in stream:
                raise BrokenPipeError


def test_a_stream_that_is_refused_says_so(make: Make) -> None:
    server = Answering({"POST /v1/services/talk": whole(b'{"error": "too large"}', 413)})
    with server.on_tcp() as url, pytest.raises(RequestError, match="too large"):
        make(url).stream("talk", b"")
