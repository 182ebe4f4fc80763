"""How a system stops: the gateway first, so that nobody asks any more; then the workers, drained; then control.

Each trip does what is safe now; `now` kills instead of waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from longspan.capabilities.gateway import run as gateway
from longspan.capabilities.replicas.decide import Kill
from longspan.control.world import World


class Stopping:
    """Whether, and how, the system is on its way down."""

    def __init__(self, world: World, knock: Callable[[], None]) -> None:
        self._world, self._knock = world, knock
        self.asked = False
        self.done = False
        """Nothing runs any more; control may exit."""
        self._now = False
        self._until = 0

    def ask(self, now: bool) -> None:
        """Go down. Asking again with `now` hurries a drain that is under way."""
        self.asked, self._now = True, self._now or now
        self._knock()

    def trip(self) -> bool:
        """One step further; always true, since something moves until all is done."""
        world = self._world
        world.stopping = True
        now = time.time_ns()
        self._until = now if self._now else self._until or now + gateway.DRAIN_NANOSECONDS
        gone = gateway.wind_down(world.gateway, world.gateway, now, self._until)
        seen = world.trip()
        if self._now:
            for replica in seen.replicas:
                world.replicas.act(Kill(replica, "told to stop at once"))
        # What cannot be written for want of room is no reason to stay: the next control sees it by the locks.
        left = [one for one in seen.replicas if not world.troubles or one.pid or one.state == "starting"]
        if gone and not left:
            world.clear()
            self.done = True
        return True
