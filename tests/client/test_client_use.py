"""Do the clients withstand the ways in which programs use them: threads, forks, loops, cancelling, odd content?"""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
import threading
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from longspan.base.errors import LongspanError, RequestError, Unreachable
from longspan.client import AsyncClient, Client
from tests.client.answering import Answering, Reply, whole

Make = Callable[..., Any]


def test_fifty_threads_share_a_client_while_others_close_it() -> None:
    server = Answering({"POST /v1/services/s": whole(b"{}")})
    ended = threading.Event()
    with server.on_tcp() as url, Client(url, connections=8, retry=None) as client:

        def close() -> None:
            while not ended.wait(0.001):
                client.close()

        with ThreadPoolExecutor(52) as pool:
            closing = [pool.submit(close) for _ in range(2)]
            calls = [pool.submit(client.send, "s", b"%d" % number) for number in range(150)]
            try:
                assert [call.result(timeout=30).body for call in calls] == [b"{}"] * 150
            finally:
                ended.set()
            for one in closing:
                one.result(timeout=30)
    assert sorted(int(asked.body) for asked in server.asked) == list(range(150))


def test_a_forked_child_opens_connections_of_its_own(tmp_path: Path) -> None:
    program = """
import os, sys
from longspan.client import Client
client = Client(sys.argv[1], retry=None)
client.send("s", b"parent")
stream = client.stream("s", b"parent")
if os.fork() == 0:
    assert b"".join(stream) == b"{}"
    client.send("s", b"child")
    client.send("s", b"child")
    os._exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
client.send("s", b"parent")
"""
    server = Answering({"POST /v1/services/s": whole(b"{}")})
    with server.on_tcp() as url:
        subprocess.run([sys.executable, "-W", "error", "-c", program, url], check=True, timeout=30)
    peers = {who: {asked.peer for asked in server.asked if asked.body == who} for who in (b"parent", b"child")}
    assert len(peers[b"child"]) == 1
    assert not peers[b"parent"] & peers[b"child"]


def test_a_cancelled_call_frees_its_place_and_another_is_answered() -> None:
    async def main(url: str, began: threading.Event) -> bytes:
        async with AsyncClient(url, connections=1, retry=None) as client:
            task = asyncio.create_task(client.send("slow", b""))
            await asyncio.to_thread(began.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return (await client.send("s", b"", timeout=10)).body

    began, ended = threading.Event(), threading.Event()

    def held() -> None:
        began.set()
        ended.wait(10)

    slow = Reply(chunks=(b"a",), length=1, before_each=held)
    with Answering({"POST /v1/services/slow": slow, "POST /v1/services/s": whole(b"{}")}).on_tcp() as url:
        try:
            assert asyncio.run(main(url, began)) == b"{}"
        finally:
            ended.set()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_an_asynchronous_client_may_move_to_another_loop() -> None:
    with Answering({"POST /v1/services/s": whole(b"{}")}).on_tcp() as url:
        client = AsyncClient(url, connections=1, retry=None, timeout=10)
        for _ in range(3):
            assert asyncio.run(client.send("s", b"")).body == b"{}"
        asyncio.run(client.close())
        gc.collect()


def test_a_stream_that_nobody_holds_any_more_gives_its_place_back(make: Make) -> None:
    replies = {"POST /v1/services/s": Reply(chunks=(b"a", b"b")), "GET /v2/models/m": whole(b"{}")}
    with Answering(replies).on_tcp() as url:
        client = make(url, connections=1)
        client.stream("s", b"")
        gc.collect()
        assert client.metadata("m") == {}


@pytest.mark.parametrize("content", [bytearray(b"\x01\x00\x02\x00"), memoryview(b"\1\0\2\0"), array("H", [1, 2])])
def test_content_of_any_kind_of_bytes_is_sent_whole(make: Make, content: Any) -> None:
    server = Answering({"POST /v1/services/s": whole(b"{}")})
    with server.on_tcp() as url:
        client = make(url)
        for _ in range(2):
            client.send("s", content)
    assert [asked.body for asked in server.asked] == [b"\1\0\2\0"] * 2
    assert len({asked.peer for asked in server.asked}) == 1


@pytest.mark.parametrize("content", ["text", None, 7, [b"a"]])
def test_content_that_is_no_bytes_is_never_sent(make: Make, content: Any) -> None:
    with pytest.raises(RequestError, match="must be bytes"):
        make("http://127.0.0.1:9").send("s", content)


def test_who_has_all_the_time_in_the_world_is_answered_too(make: Make) -> None:
    with Answering({"GET /v2/models/m": whole(b"{}")}).on_tcp() as url:
        assert make(url, timeout=float("inf")).metadata("m") == {}


def test_a_socket_of_any_path_is_reached(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 100)
    folder.mkdir()
    with Answering({"GET /v2/models/m": whole(b"{}")}).on_unix(tmp_path / "short"):
        (tmp_path / "short").rename(folder / "gateway.sock")
        assert make(f"unix:{folder}/gateway.sock").metadata("m") == {}


def test_all_addresses_of_a_host_are_tried_within_one_time(make: Make) -> None:
    full = _full()
    try:
        with pytest.raises(Unreachable, match="did not answer in time"):
            make(f"http://localhost:{full[0].getsockname()[1]}").metadata("m", timeout=0.3)
    finally:
        for one in full:
            one.close()


def _full() -> list[socket.socket]:
    """A port that takes no more connections, and what fills it."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = [socket.socket() for _ in range(4)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(listening.getsockname())
    return [listening, *waiting]


@pytest.mark.parametrize(
    "url", ["http://h/?a=1", "http://h/#a", "http://h h", "http://h/a b", "http://h:0", "http://h\t"]
)
def test_an_address_of_which_a_part_would_be_lost_is_refused(url: str) -> None:
    with pytest.raises(LongspanError, match="no address of a gateway"):
        Client(url)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(LongspanError) as refused:
        Client("http://me:secret@h")
    assert "secret" not in str(refused.value)
