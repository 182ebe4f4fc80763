"""The command `top`."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from longspan.cli.top.keys import Keys
from longspan.cli.top.shown import picture
from longspan.client.messages import LoadView, Status
from longspan.client.options import File, Json, State
from longspan.client.place import DEFAULT_FILE, Place
from longspan.client.rates import Rates, rates
from longspan.client.scaling import ScalingControl
from longspan.client.terminal import out, say_json, say_table
from longspan.client.views import headline

_EACH_SECONDS = 1.0
_OVER_LOOKS = 3
"""Between what is compared. Load pages are up to a quarter of a second old: over some seconds that is little."""
_PATIENCE_SECONDS = 5.0

Once = Annotated[bool, typer.Option("--once", help="Print one picture and end, as where no terminal is.")]


def top(file: File = DEFAULT_FILE, state: State = "", once: Once = False, json: Json = False) -> None:
    """Show what the system does now, each second; q or Ctrl-C ends it.

    Requests, latency inside the workers and errors of services; rate, mean time and queue of steps, wherever they
    run; replicas of units, why there are that many, and the share of the granted cores that they use; the scaler's
    last decisions, which scaling explain tells in full.

    Example: longspan top --once --json
    """
    place = Place.named(file, state)
    place.must_exist()
    control = ScalingControl(place.state)
    if json or once or not out().is_terminal:
        status, now = _once(control)
        decisions = control.decisions()
        if json:
            say_json({**asdict(now), "decisions": decisions})
            return
        for part in picture(status, now, decisions):
            say_table(part)
        return
    with contextlib.suppress(KeyboardInterrupt):
        _live(control)


def _once(control: ScalingControl) -> tuple[Status, Rates]:
    """What happens within a second, or until control has looked again."""
    before, end = control.load(), time.monotonic() + _PATIENCE_SECONDS
    time.sleep(_EACH_SECONDS)
    while (after := control.load()).at == before.at and time.monotonic() < end:
        time.sleep(_EACH_SECONDS / 10)
    status = control.status()
    return status, rates(before, after, status)


def _live(control: ScalingControl) -> None:
    looks: deque[LoadView] = deque([control.load()], maxlen=_OVER_LOOKS)
    first = Group(headline(control.status()), Text("looking", style="dim"))
    with Keys() as keys, Live(first, console=out(), screen=True, auto_refresh=False) as live:
        while not keys.quit_within(_EACH_SECONDS):
            status, load, decisions = control.status(), control.load(), control.decisions()
            live.update(Group(*picture(status, rates(looks[0], load, status), decisions)), refresh=True)
            looks.append(load)
