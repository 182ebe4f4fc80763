"""How does a system start, and who stays with it?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.text import Text

from longspan.base.errors import Invalid, LongspanError, Unreachable
from longspan.cli import sample
from longspan.cli.child import Child
from longspan.cli.display import Display
from longspan.cli.interrupts import Interrupts
from longspan.cli.session import Session
from longspan.cli.watching import Watching
from longspan.client.messages import Status
from longspan.client.options import File, State
from longspan.client.place import DEFAULT_FILE, Place
from longspan.client.sync import Client
from longspan.client.views import away, never_served

Detach = Annotated[bool, typer.Option("--detach", "-d", help="Return when it serves, and leave it running.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Apply on every save in the file's folder.")]


def up(file: File = DEFAULT_FILE, state: State = "", detach: Detach = False, watch: Watch = False) -> None:
    """Start the system and stay with it.

    Ctrl-C stops it in good order, a second Ctrl-C at once. The first time, the file becomes generation 1.
    Later, what was accepted last runs; apply changes it.

    Example: longspan up --watch
    """
    if detach and watch:
        raise typer.BadParameter("--watch stays, --detach does not: give one of them")
    place = Place.named(file, state)
    place.must_have_file()
    _must_be_free(place)
    with Interrupts() as interrupts, Display() as display:
        child = Child(place)
        session = Session(place, child, interrupts, display)

        def announce(status: Status) -> None:
            for line in (*_announced(place, status, detach=detach), *_difference(place, status)):
                display.say(line)

        ours = session.stay(announce, detach=detach, watching=Watching(place, display) if watch else None)
        last = display.last
        if ours:
            session.end()
    if last is not None and last.failed is not None and never_served(last) and not watch:
        remedy = "Mend it and start again; nothing runs"
        raise LongspanError(f"generation {last.failed.generation} failed: {last.failed.reason}", remedy=remedy)


def _must_be_free(place: Place) -> None:
    """Raises `LongspanError`, naming the holder, when the system runs already."""
    try:
        pid = place.control.status().control.pid
    except Unreachable:
        return  # nobody answers; whether somebody holds the state is for the new control to find out
    remedy = f"Use longspan apply{place.words}, or stop it with longspan down{place.words}"
    raise LongspanError(f"runs as pid {pid}", at=str(place.file), remedy=remedy)


def _announced(place: Place, status: Status, *, detach: bool) -> Iterator[str | Text]:
    serves = f"generation {status.generation}" if status.generation else f"generation {status.pending}, settling"
    yield ""
    yield Text.assemble((status.system, "bold"), " serves at ", (status.url, "bold"), f" ({serves})")
    yield ""
    if line := _curl(place, status):
        yield f"    {line}"
        yield ""
    for unit in away(status):
        yield f"note: the server of {unit} is not there; until it is, who needs it is answered 503"
    yield f"logs: {os.path.relpath(place.logs)}, or longspan logs -f{place.words}"
    if detach:
        yield f"stop: longspan down{place.words}"
    yield ""


def _curl(place: Place, status: Status) -> str:
    """A line that works as it stands, from where the user is."""
    if not status.services:
        return ""
    service = status.services[0]
    if ranges := status.natural.get(service):
        beside = sorted(path for path in place.file.parent.iterdir() if path.is_file() and path != place.file)
        return sample.natural_line(status.url, service, ranges, [str(path) for path in (place.file, *beside)])
    try:
        return sample.infer_line(status.url, service, Client(status.url, timeout=5, retry=None).metadata(service))
    except LongspanError:
        return f"curl {status.url}/v2/models/{service}"


def _difference(place: Place, status: Status) -> Iterator[str]:
    """One line when the file is not what runs. A generation that is on its way was made from it just now."""
    if status.pending is not None:
        return
    file, words = place.file, place.words
    try:
        count = len(place.control.plan().changes)
    except Invalid as error:
        many = _counted(len(error.complaints), "complaint")
        yield f"note: {file} has {many}, and is not what runs: longspan check{words}"
    except LongspanError as error:
        yield f"note: {file} cannot be compared with what runs: {error}"
    else:
        if count:
            yield f"note: {file} differs from what runs in {_counted(count, 'place')}: longspan plan{words}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
