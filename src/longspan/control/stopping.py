"""How a system stops: the gateway first, so that nobody asks any more; then the workers, drained; then control.

Each trip does what is safe now; `now` kills instead of waiting.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from longspan.control.world import World


class Stopping:
    """Whether, and how, the system is on its way down."""

    def __init__(self, world: World, knock: Callable[[], None]) -> None:
        self._world, self._knock = world, knock
        self.asked = False
        self.done = False
        """Nothing runs any more; control may exit."""
        self._now = False

    def ask(self, now: bool) -> None:
        """Go down. Asking again with `now` hurries a drain that is under way."""
        self.asked, self._now = True, self._now or now
        self._knock()

    def trip(self) -> bool:
        """One step further; always true, since something moves until all is done."""
        world = self._world
        world.stopping = True
        world.gateway.stop(now=self._now)
        seen = world.trip()
        if self._now:
            for replica in seen.replicas:
                if replica.pid is not None:
                    os.kill(replica.pid, signal.SIGKILL)
        if seen.gateway.pid is None and not seen.replicas:
            world.clear()
            self.done = True
        return True
