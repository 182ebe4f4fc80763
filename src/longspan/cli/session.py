"""What does `up` do between its start and its end?

It waits until the system serves, stays and tells what happens, and ends it in good order when it is asked
to. Control decides all that; this is its client, and looks at it a few times a second.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

from longspan.base.errors import LongspanError, Unreachable
from longspan.cli.child import Child
from longspan.cli.display import Display
from longspan.cli.interrupts import Interrupts
from longspan.cli.watching import Watching
from longspan.client.control import LOOK_AGAIN_SECONDS, NotRunning
from longspan.client.messages import Status
from longspan.client.once import once
from longspan.client.place import Place
from longspan.client.sync import Client
from longspan.client.views import away, crashing, log_lines, never_served, ready_count, serving

_GATEWAY_SECONDS = 2.0
_STOP_NOW_SECONDS = 5.0
"""What control gets for stopping at once, before it is killed and a new one does it."""


class Session:
    """One `up`, from a control that has just been spawned to its end."""

    def __init__(self, place: Place, child: Child, interrupts: Interrupts, display: Display) -> None:
        self.place, self.child, self.interrupts, self.display = place, child, interrupts, display
        self._told = ""
        self._failure = 0
        """The last failed generation that has been told."""

    def stay(
        self, announce: Callable[[Status], None], *, detach: bool = False, watching: Watching | None = None
    ) -> bool:
        """Wait until the system serves, `announce` it, and tell what happens from then on.

        Returns whether it is ours to end: when we were asked to, or when its first generation has failed (while
        saves are watched, the next one may do). Not ours when somebody else has stopped it, or when it serves
        and we `detach`. Raises why control could not start, that it died, or that we cannot detach from what
        will not serve.
        """
        announced = False
        while not self.interrupts.count:
            if self.child.exit_code == 0 and not self._left_behind():
                self.display.say("stopped")
                return False
            self._must_live()
            if (status := self._look()) is not None:
                if watching is not None:
                    watching.look(may_apply=status.pending is None)
                elif never_served(status):
                    return True
                if not announced and _serves(status):
                    announce(status)
                    announced = True
                    if detach:
                        return False
                if detach and (unit := crashing(status)):
                    remedy = f"See longspan logs {unit}. What runs goes on running: longspan down stops it"
                    raise LongspanError(f"{unit} crashes again and again", at=str(self.place.file), remedy=remedy)
            time.sleep(LOOK_AGAIN_SECONDS)
        return True

    def end(self) -> None:
        """Stop the system: drained when we were asked once, at once when twice."""
        self.display.say("stopping: what is being answered is answered first. Ctrl-C stops at once")
        self.display.telling = False
        asked, hurried = 0, 0.0
        while self.child.exit_code is None:
            now = self.interrupts.count > 1
            if asked < (2 if now else 1):
                # Not listening yet, or not any more: the next look asks again, or sees it gone.
                with contextlib.suppress(LongspanError):
                    self.place.control.down(now=now)
                    asked = 2 if now else 1
            if now:
                hurried = hurried or time.monotonic()
                if time.monotonic() - hurried > _STOP_NOW_SECONDS:
                    self.child.kill()
                    break
            self._look()
            time.sleep(LOOK_AGAIN_SECONDS)
        if self._left_behind():
            once(self.place, "down", Any, "--now")
        self.display.say("stopped")

    def _look(self) -> Status | None:
        """The status, shown; None when control cannot be asked now."""
        try:
            status = self.place.control.status()
        except NotRunning:
            return None
        except LongspanError as error:
            if str(error) != self._told:
                self._told = str(error)
                self.display.say(self._told, style="red")
            return None
        if self.display.last is None and status.generation and status.failed:
            self._failure = status.failed.generation  # of an earlier day: status tells it
        self.display.show(status)
        self._tell_failure(status)
        return status

    def _tell_failure(self, status: Status) -> None:
        """The last log lines of a generation that has failed, once."""
        if status.failed is None or status.failed.generation <= self._failure:
            return
        self._failure = status.failed.generation
        with contextlib.suppress(Unreachable):
            for line in log_lines(self.place.control.generation(self._failure).last_log):
                self.display.say(line, style="dim")

    def _must_live(self) -> None:
        if self.child.exit_code is None:
            return
        if self.display.last is None:
            raise self.child.last_words()
        count = ready_count(self.display.last)
        replicas = f"{count} replica{'s' * (count != 1)} still serve{'s' * (count == 1)}"
        raise LongspanError(f"control died; {replicas}", remedy="longspan up takes over")

    def _left_behind(self) -> bool:
        """Has control ended without stopping what it held?"""
        return any(self.place.run.glob("**/*.sock"))


def _serves(status: Status) -> bool:
    # Whom we did not start we cannot wait for: without it the gateway is not ready, and serves all the same.
    return serving(status) and (bool(away(status)) or Client(status.url, timeout=_GATEWAY_SECONDS, retry=None).ready())
