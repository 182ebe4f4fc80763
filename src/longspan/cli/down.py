"""How does a system stop, whether or not its control is alive?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from longspan.base.errors import LongspanError
from longspan.client.control import NotRunning
from longspan.client.once import once
from longspan.client.options import File, State
from longspan.client.place import DEFAULT_FILE, Place
from longspan.client.terminal import say

DRAIN_SECONDS = 120.0
"""Longest wait for control to end after it was told to; its own bounds are shorter."""

Now = Annotated[bool, typer.Option("--now", help="Stop at once: requests that are being answered are cut off.")]


def down(file: File = DEFAULT_FILE, state: State = "", now: Now = False) -> None:
    """Stop the system.

    No new requests are taken, those under way are answered, then every process ends. What a control that
    died left behind is found and stopped too.

    Example: longspan down --now
    """
    place = Place.named(file, state)
    place.must_exist()
    try:
        ended = place.control.stop(now=now, within_seconds=DRAIN_SECONDS)
    except NotRunning:
        if not place.run.is_dir():  # its sockets go when a system has stopped
            say("nothing runs here")
            return
    else:
        if not ended:
            remedy = "longspan down --now cuts off what is still being answered"
            raise LongspanError(f"control has not ended after {DRAIN_SECONDS:.0f} s", remedy=remedy)
    if place.run.is_dir():  # no control, or one that was killed before all was stopped
        once(place, "down", Any, *(["--now"] if now else []))
    say("stopped")
