"""How long do requests wait, and for whom? What the load page tells, and the scaler goes by."""

from __future__ import annotations

import asyncio
import time

from longspan.serving.pace import Pace
from tests.serving.one_chain import WITHIN, Chain, on_loop


def test_a_part_is_not_said_to_wait_while_other_parts_of_its_own_request_run() -> None:
    async def waited(*requests: str) -> float:
        """Seconds that all of them have waited, as the load page tells."""
        chain = Chain(None, rows=1, parts=True)
        chain.pause = 0.02
        for each, request in enumerate(requests):
            chain.put(each, request=request)
        for _ in requests:
            await chain.get()
        waits = chain.lane.waits(time.monotonic_ns())
        assert (waits.begun, waits.oldest) == (len(requests), 0)
        return waits.waited / 1e9

    async def run() -> None:
        assert await waited("a", "b", "c", "d") >= 0.02 * (1 + 2 + 3)
        # Both of c wait for two of a and for b; the second one's wait for the first is excused.
        mixed = await waited("a", "a", "b", "c", "c")
        assert mixed >= 0.02 * (2 + 3 + 3)
        alone = await waited("a", "a", "a", "a", "a")
        assert alone < 0.02 * (1 + 2 + 3 + 4) / 2, (
            "what waits behind its like is excused, but for the way into the thread"
        )

    on_loop(run)


def test_on_the_loop_nothing_waits_and_what_has_begun_is_counted_all_the_same() -> None:
    async def run() -> None:
        chain = Chain(Pace(inline=True))
        for each in range(5):
            chain.put(each)
        for _ in range(5):
            await chain.get()
        assert chain.lane.waits(time.monotonic_ns()) == (5, 0, 0)

    on_loop(run)


def test_in_the_thread_waiting_is_counted_until_the_group_enters() -> None:
    async def run() -> None:
        chain = Chain(None)
        chain.pause = 0.02
        chain.put(0)
        await asyncio.wait_for(chain.begun.wait(), WITHIN)
        now = time.monotonic_ns()
        chain.put(1, started=now)
        waits = chain.lane.waits(now + 5)
        assert (waits.begun, waits.oldest) == (1, 5)
        for _ in range(2):
            await chain.get()
        after = chain.lane.waits(now)
        assert (after.begun, after.oldest) == (2, 0)
        assert after.waited > waits.waited
        assert chain.chain_thread.close(WITHIN)

    on_loop(run)
