"""A call to a server of somebody else's was cut off: it is made once more, alone, or its client is told why not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic_ns
from typing import Any, TypeVar

import pytest

from longspan.base.errors import RequestError
from longspan.serving.egress import Caller, Remote
from tests.serving.calling import apart, calls, content
from tests.serving.test_egress_odd import SAME, Ask, answering, http, outputs, refused, served

T = TypeVar("T")
REPEATABLE: dict[str, Any] = {"foreign": True, "binary": False, "repeatable": True}
CUT = http(503, b'{"error":"a replica of graph.same died at work on this request"}', b"longspan-cut: 1")
"""What the gateway says."""
POISON = "step 'same' of 'graph': its server was cut off 2 times by this request, so it is not run again"


class Server:
    """Cuts off the first `cuts` calls, and answers the others."""

    def __init__(self, cuts: int, how: bytes = CUT) -> None:
        self.cuts, self.how, self.asked = cuts, how, 0

    async def __call__(self, number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        if number <= self.cuts:
            writer.write(self.how)
            if self.how != CUT:
                writer.close()
        else:
            writer.write(http(200, outputs()))


class Dead(Server):
    """Cuts off whatever comes within a moment of its first cut: connections to it that the gateway still keeps."""

    MOMENT = 50_000_000

    def __init__(self) -> None:
        super().__init__(0)
        self.died_at = 0

    async def __call__(self, number: int, request: bytes, writer: asyncio.StreamWriter) -> None:
        now = monotonic_ns()
        self.died_at = self.died_at or now
        self.cuts = number if now - self.died_at < self.MOMENT else 0
        await super().__call__(number, request, writer)


async def asks(ask: Ask, caller: Caller) -> bytes:
    answer: bytes = (await ask())["result"].tolist()[0]
    return answer


@pytest.mark.parametrize("how", [CUT, http(200, outputs())[:-5]], ids=["before its answer", "in the middle of it"])
def test_what_was_cut_off_is_sent_once_more(how: bytes, tmp_path: Path) -> None:
    server = Server(1, how)
    assert served(tmp_path, server, asks, **REPEATABLE) == b"x"
    assert server.asked == 2


@pytest.mark.parametrize("how", [CUT, http(200, outputs())[:-5]], ids=["before its answer", "in the middle of it"])
def test_what_was_cut_off_twice_is_a_500_and_not_sent_again(how: bytes, tmp_path: Path) -> None:
    server = Server(9, how)
    error = served(tmp_path, server, refused, **REPEATABLE)
    assert (error.status, error.problem, error.retry_after_seconds) == (500, POISON, None)
    assert server.asked == 2


def test_one_death_cuts_nobody_off_twice(tmp_path: Path) -> None:
    server = Dead()
    assert served(tmp_path, server, asks, **REPEATABLE) == b"x"
    assert server.asked == 2


@pytest.mark.parametrize("foreign", [True, False])
def test_what_must_not_run_twice_is_sent_once_and_says_why(foreign: bool, tmp_path: Path) -> None:
    server = Server(9)
    error = served(tmp_path, server, refused, foreign=foreign, repeatable=False)
    assert (error.status, error.retry_after_seconds, server.asked) == (503, None, 1)
    assert error.problem == (
        "step 'same' was cut off before its answer; not run again, because it is not marked repeatable"
    )


def test_of_our_own_units_the_gateway_has_tried_again_already(tmp_path: Path) -> None:
    server = Server(9)
    error = served(tmp_path, server, refused, repeatable=True)
    assert (error.status, error.retry_after_seconds, server.asked) == (503, 1, 1)
    assert error.problem == "step 'same' was cut off before its answer"


def test_a_gateway_that_goes_is_not_taken_for_a_server_that_died(tmp_path: Path) -> None:
    error = served(tmp_path, answering(b""), refused, **REPEATABLE)
    assert (error.status, error.problem) == (503, "step 'same' was cut off before its answer")


def test_suspects_run_one_at_a_time_so_that_only_the_poison_is_cut_off_twice(tmp_path: Path) -> None:
    first, now, most = 0, 0, 0
    all_there = asyncio.Event()

    async def serve(request: bytes) -> bytes:
        nonlocal first, now, most
        if first < 6:  # all are under way when the server dies of one
            first += 1
            if first == 6:
                all_there.set()
            await all_there.wait()
            return CUT
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.01)
        now -= 1
        return CUT if b"poison" in request else http(200, outputs())

    async def together(there: Remote, caller: Caller) -> list[Any]:
        words = (b"poison", b"a", b"b", b"c", b"d", b"e")
        return await asyncio.gather(*(there.runnable.function(content(x)) for x in words), return_exceptions=True)

    told = against(tmp_path, serve, together, REPEATABLE)
    assert [one for one in told if isinstance(one, Exception)] == told[:1]
    assert (told[0].status, told[0].problem, most) == (500, POISON, 1)


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_server_that_has_died_is_not_taken_for_full(repeatable: bool, tmp_path: Path) -> None:
    async def serve(request: bytes) -> bytes:
        return CUT

    async def after(there: Remote, caller: Caller) -> bool:
        with pytest.raises(RequestError):
            await there.runnable.function(content(b"x"))
        return there.edge.closed(monotonic_ns())

    assert not against(tmp_path, serve, after, REPEATABLE | {"repeatable": repeatable})


def against(
    folder: Path,
    serve: Callable[[bytes], Awaitable[bytes]],
    use: Callable[[Remote, Caller], Awaitable[T]],
    changes: dict[str, Any],
) -> T:
    """What `use` finds with a server that answers each request as `serve` does, several at a time."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
                writer.write(await serve(await reader.readexactly(int(length.partition(b": ")[2]))))
        except asyncio.IncompleteReadError:
            writer.close()

    async def main(there: Remote, caller: Caller) -> T:
        server = await asyncio.start_unix_server(client, folder / "server.sock")
        try:
            return await use(there, caller)
        finally:
            server.close()

    return calls(folder / "server.sock", apart(SAME, **changes), main)
