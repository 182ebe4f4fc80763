"""The commands that look at what runs: `status` and `logs`."""

from __future__ import annotations

from typing import Annotated

import typer

from longspan.base.errors import Unreachable
from longspan.client.control import NotRunning
from longspan.client.loglines import plain, readable, split
from longspan.client.options import File, Json, State
from longspan.client.place import DEFAULT_FILE, Place
from longspan.client.terminal import err, out, say, say_json, say_table
from longspan.client.views import headline, steps_table, troubles, unit_notes, units_table

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines as they come; Ctrl-C ends it.")]
Request = Annotated[str, typer.Option("--id", metavar="REQUEST", help="Only lines about this x-request-id.")]
Unit = Annotated[str, typer.Argument(metavar="UNIT", help="Only the replicas of this unit.")]
Raw = Annotated[bool, typer.Option("--json", help="Print each line as it was written, JSON for the most part.")]
LogFile = Annotated[str, typer.Option("--file", metavar="FILE", help="The file that describes the system.")]


def status(file: File = DEFAULT_FILE, state: State = "", json: Json = False) -> None:
    """Show what runs, what its steps have done, and what has failed.

    Steps are counted since their replicas started, wherever they run; top shows what they do now.

    Example: longspan status --json
    """
    place = Place.named(file, state)
    place.must_exist()
    seen = place.control.status()
    if json:
        say_json(seen)
        return
    out().print(headline(seen))
    say()
    say_table(units_table(seen))
    if notes := list(unit_notes(seen)):
        say()
        for note in notes:
            say(note)
    if seen.steps:
        say()
        say_table(steps_table(seen))
    if lines := list(troubles(seen)):
        say()
        for line in lines:
            say(line)


def logs(
    unit: Unit = "",
    follow: Follow = False,
    request: Request = "",
    file: LogFile = DEFAULT_FILE,
    state: State = "",
    raw: Raw = False,
) -> None:
    """Print the logs of all processes.

    Each line begins with its source. With --id, all that the kept logs hold about one request.

    Example: longspan logs -f --id 5c1f7c0e-9a3e-4f43-9d0e-0d5d5a1f2b11
    """
    place = Place.named(file, state)
    place.must_exist()
    try:
        for line in split(place.control.logs(follow=follow, request=request, unit=unit)):
            for shown in [plain(line) if out().is_terminal else line] if raw else readable(line):
                print(shown, flush=follow)
    except NotRunning as error:
        if place.logs.is_dir():
            raise NotRunning(error.problem, at=error.at, remedy=f"Its logs are files in {place.logs}") from error
        raise
    except Unreachable:
        if not follow:
            raise
        err().print(f"control has ended; its logs are files in {place.logs}")
