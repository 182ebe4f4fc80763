"""May one more request join the line before a thread?

Pure: time arrives as an argument, in nanoseconds of a monotonic clock. A short rush is taken in as far as the line
holds, for it will be over. A line that *stands*, that has not been empty for a while, is no rush: whoever joined its
end would be answered late, and so would everybody after him. So the longer it has stood, the less one may still have
to wait, and the others are refused at once, while they can still go elsewhere. Whatever could not be answered in its
time is refused as well. Nobody is refused while fewer wait than run together, so the thread is never idle for it.

Connections take turns: the second request of one stands behind the first of every other, so those that ask for one
thing after the other go in the order in which they come, and one with a hundred streams keeps nobody else waiting.
Where places are scarce each may have `SHARE` times those that are still free: one that asks for little finds one,
however much the others ask for.

Sources: Nichols and Jacobson, "Controlling Queue Delay" (2012), for the difference between a good queue and one that
stands; Goyal, Vin and Cheng, "Start-time Fair Queueing" (1996), for the turns; Choudhury and Hahne, "Dynamic Queue
Length Thresholds" (1998), for the share.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Sequence
from operator import attrgetter

from longspan.base.errors import RequestError
from longspan.serving.admission import SECOND, full
from longspan.serving.exchange import Exchange

RUSH = 2 * SECOND
"""A line that has stood for less is a rush."""
LONGEST, SHORTEST = 3 * SECOND, SECOND // 2
"""Then one may have to wait so long, and in the end only so long: enough for a replica that is away to come back, as
long as that takes a few seconds."""
SHARE = 2
EACH_PART = 4
"""What a request takes is what the last took to a quarter, and to the rest what was known before."""


_turn = attrgetter("turn")


def patience(stood: int) -> int | None:
    """How long one may still have to wait in a line that has stood for that long; None: as long as it takes."""
    return None if stood < RUSH else max(SHORTEST, LONGEST - (stood - RUSH) // 2)


class Line:
    """The line of one lane. Who waits in it is the lane's own; told are those that join and leave."""

    __slots__ = ("_each", "_held", "_name", "_since", "_stands", "_turn")

    def __init__(self, name: str, *, stands: bool = True) -> None:
        """`stands`: is it looked at how long it has stood? Not where another unit calls: that one has begun a request
        already, and bounds by itself how many parts of it wait here."""
        self._name, self._stands = name, stands
        self._each = 0
        """What a request takes of the thread, of late; 0 before one has run."""
        self._since = 0
        """When a request last joined an empty line."""
        self._held: dict[bytes, int] = {}
        """Connection -> its requests in the line."""
        self._turn = 0
        """Of those that left the line last to run."""

    def join(self, waiting: int, bound: int, together: int, now: int, left: int, connection: bytes) -> int:
        """One more comes while so many are `waiting`, of `bound` at most; `together` run at once.

        `left`: nanoseconds until nobody waits for its answer. `connection`: whose it is; empty when nobody knows.
        Returns its turn: it stands behind all whose turn is not later. Raises `RequestError` 503.
        """
        if waiting:
            most = self.places(bound, together, now, left)
            if waiting >= most:
                raise full(self._name, bound) if waiting >= bound else self._slow(waiting)
            held = self._held.get(connection, 0)
            if connection and held and held >= SHARE * (most - waiting):
                raise self._greedy(held, waiting)
        else:
            self._since, held = now, 0
            self._held.clear()
        if connection:
            self._held[connection] = held + 1
        return self._turn + (held if connection else 0)

    def places(self, bound: int, together: int, now: int, left: int) -> int:
        """How many may wait now, for one that has so much time left."""
        each = self._each
        if not each:
            return bound
        longest = patience(now - self._since) if self._stands else None
        longest = left - together * each if longest is None else min(longest, left - together * each)
        return min(bound, max(together, longest // each))

    def put(self, waiting: list[Exchange], newcomer: Exchange, bound: int, together: int) -> None:
        """Put it into the line `waiting`, where its turn is. Raises as `join` does."""
        newcomer.turn = self.join(
            len(waiting), bound, together, newcomer.started, newcomer.left, newcomer.connection_id
        )
        insort(waiting, newcomer, key=_turn)

    def enter(self, group: Sequence[Exchange]) -> None:
        """These leave the line to run; at least one."""
        self._turn = group[0].turn
        self.leave(*[one.connection_id for one in group])

    def leave(self, *connections: bytes) -> None:
        """A request of each has left the line, to run or for good."""
        held = self._held
        for connection in connections:
            if (count := held.get(connection, 0)) > 1:
                held[connection] = count - 1
            elif count:
                del held[connection]

    def ran(self, requests: int, nanoseconds: int) -> None:
        """So many have run together, in that time. Called in the thread."""
        each = nanoseconds // requests
        self._each += (each - self._each) // EACH_PART if self._each else each

    def _slow(self, waiting: int) -> RequestError:
        seconds = waiting * self._each / SECOND
        words = f"{self._name!r} is busy: a request would wait {seconds:.2g} s now"
        return RequestError(503, words, retry_after_seconds=max(1, math.ceil(seconds)))

    def _greedy(self, held: int, waiting: int) -> RequestError:
        words = f"{self._name!r} is busy: {held} requests of this connection wait already"
        seconds = waiting * self._each / SECOND
        return RequestError(503, words, retry_after_seconds=max(1, math.ceil(seconds)))
