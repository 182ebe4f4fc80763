"""A request that stalls or trickles, by a clock that is turned by hand."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from longspan.serving.admission import SECOND
from longspan.serving.protocol import BODY_IDLE, BODY_WHOLE, Connection
from tests.serving.test_protocol import INFER, WITHIN, Wire, statuses


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    made = Wire(tmp_path_factory.mktemp("stalled"))
    yield made
    made.loop.close()


async def stalled(wire: Wire, part: bytes, pause: int, times: int) -> bytes:
    """What is answered to a request of which `part` comes, and then a byte after each pause, nanoseconds, until it is
    answered; it must be after the last of so many."""
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)
        theirs.setblocking(False)
        _, made = await wire.loop.connect_accepted_socket(lambda: Connection(wire.worker), theirs)
        await wire.loop.sock_sendall(ours, part)
        for _ in range(1000):
            if made.receiving:
                break
            await asyncio.sleep(0.001)
        now = time.monotonic_ns()
        for _ in range(times):
            assert not made.closing
            now += pause
            made.sweep(now)
            made.since = now  # a byte has come
        assert made.closing
        return await wire._read(ours)


@pytest.mark.parametrize("part", [b"POST /v2/models/tiny/inf", INFER[:-10]])
@pytest.mark.parametrize(("pause", "times"), [(BODY_IDLE + SECOND, 1), (SECOND, BODY_WHOLE // SECOND)])
def test_a_request_that_pauses_or_trickles_for_too_long_is_408_and_closed(
    wire: Wire, part: bytes, pause: int, times: int
) -> None:
    answer = wire.loop.run_until_complete(asyncio.wait_for(stalled(wire, part, pause, times), WITHIN))
    assert statuses(answer) == [408]
    assert b"connection: close" in answer
    assert wire.worker.budget.held == 0
