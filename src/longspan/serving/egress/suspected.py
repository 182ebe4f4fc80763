"""May a call be sent once more, when the server of somebody else's that had it was cut off?

The gateway cannot know of what such a server died, and no request is noted in there (`longspan.wire.ids`). So it sends
again only what was never sent, and says what it saw cut off; the one more attempt is made here. Whoever makes it is
suspected, and runs alone among those of this worker, so that no other is under way with him for the second time: at
most two servers die of a request, and it is told apart from those that were merely beside it. It waits a moment first:
the gateway may still keep connections to the server that died, and who is sent over one of them is cut off by the same
death for the second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from longspan.serving.egress.caller import Caller
from longspan.serving.egress.connection import Answer, Lost
from longspan.wire.tensors import Buffer

CUT = b"longspan-cut"
"""Header by which the gateway says that a call was sent, and its connection broken off before an answer. (A server that
gives it itself is asked twice.)"""


SETTLED_SECONDS = 0.1
"""After a cut, until the gateway has seen the end of all connections to whoever died."""


class CutTwice(Exception):
    """Its second server went as the first did."""


def cut(answer: Answer) -> bool:
    """Is it no answer of the other side's, but the gateway's word that there is none?"""
    return answer.status == 503 and CUT in answer.fields


class Suspects:
    """The calls to one repeatable step in a server of somebody else's."""

    def __init__(self, caller: Caller) -> None:
        self._caller, self._alone = caller, asyncio.Lock()
        self._cut_at = 0.0
        """When a call was last cut off; seconds of the loop's clock."""

    async def call(self, parts: Sequence[Buffer]) -> Answer:
        """As `Caller.call`, and `CutTwice`."""
        answer = await self._once(parts)
        if answer is None:
            async with self._alone:
                await asyncio.sleep(self._cut_at + SETTLED_SECONDS - asyncio.get_running_loop().time())
                answer = await self._once(parts)
        if answer is None:
            raise CutTwice
        return answer

    async def _once(self, parts: Sequence[Buffer]) -> Answer | None:
        """None: it was cut off."""
        try:
            answer = await self._caller.call(parts, repeatable=True)
        except Lost as lost:
            if lost.untouched:  # the gateway itself has gone: of a server it would have said something
                raise
        else:
            if not cut(answer):
                return answer
        self._cut_at = asyncio.get_running_loop().time()
        return None
