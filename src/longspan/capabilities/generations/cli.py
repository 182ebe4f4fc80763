"""The commands that change what runs: `plan` shows, `apply` carries out, `rollback` goes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from longspan.base.errors import LongspanError
from longspan.client.control import Control, NotRunning
from longspan.client.messages import ApplyAnswer, ApplyOrder, Change, GenerationView, Plan, RollbackOrder
from longspan.client.once import once
from longspan.client.options import File, Json, State
from longspan.client.place import DEFAULT_FILE, Place, author
from longspan.client.terminal import err, out, say, say_json
from longspan.client.views import log_lines, progress

WOULD_CHANGE = 3
"""Exit code of a plan that is not empty."""

_STYLES = {"+": "green", "-": "red", "~": "yellow"}
_COLUMN = 48
"""Widest that the first column grows: one long path should not push all values off the screen."""

On = Annotated[
    int | None,
    typer.Option("--on", metavar="N", help="Only if N is still the current generation, else nothing (exit 4)."),
]
To = Annotated[
    int | None,
    typer.Argument(metavar="N", help="Generation to go back to; else the last that served before this one."),
]


def plan(file: File = DEFAULT_FILE, state: State = "", json: Json = False) -> None:
    """Show what applying the file would change.

    Nothing is touched. The exit code is 3 when something would change.

    Example: longspan plan --json
    """
    place = Place.named(file, state)
    place.must_have_file()
    try:
        planned, runs = place.control.plan(), True
    except NotRunning:
        planned, runs = once(place, "plan", Plan), False
    if json:
        say_json(planned)
    else:
        show(planned)
        say(summary(planned, runs=runs, words=place.words))
    raise typer.Exit(WOULD_CHANGE if planned.changes else 0)


def apply(file: File = DEFAULT_FILE, state: State = "", on: On = None) -> None:
    """Make the file what runs.

    New replicas start beside the old ones, which serve until the new ones have proved themselves. Returns when
    the new generation serves; or when it has failed, and everything is as it was (exit 1).

    Example: longspan apply --on 41
    """
    place = Place.named(file, state)
    place.must_have_file()
    settle(place.control, place.control.apply(ApplyOrder(author=author(), on=on)))


def rollback(to: To = None, file: File = DEFAULT_FILE, state: State = "") -> None:
    """Bring back what an earlier generation ran.

    It becomes a new generation, proved like any other. The file stays as it is.

    Example: longspan rollback 40
    """
    place = Place.named(file, state)
    place.must_exist()
    control = place.control
    settle(control, control.rollback(RollbackOrder(author=author(), to=to)))


def settle(control: Control, answer: ApplyAnswer) -> None:
    """Show what was accepted and wait until it serves. Raises `LongspanError` when it fails."""
    show(answer.plan)
    if answer.generation is None:
        say(summary(answer.plan, runs=True))
        return
    end = _followed(control, answer.generation)
    if end.state == "failed":
        for line in log_lines(end.last_log):
            err().print(Text(line, style="dim"))
        before = f"generation {end.parent} serves as before" if end.parent else "nothing serves"
        raise LongspanError(f"generation {end.number} failed: {end.reason}; {before}")
    later = ", and has been replaced since" if end.state == "replaced" else ""
    say(f"generation {end.number} serves{later}", style="green")


def _followed(control: Control, number: int) -> GenerationView:
    """The generation when it is done; meanwhile its progress, on one line of a terminal."""
    console: Console = out()
    told = ""
    try:
        with console.status(f"generation {number}") as line:
            for generation, status in control.follow(number):
                if generation.done:
                    return generation
                if (text := progress(status, generation)) != told:
                    line.update(text)
                    told = text
                    if not console.is_terminal:
                        say(text)
    except NotRunning as error:
        remedy = "longspan up takes over what still serves, and carries on"
        raise LongspanError(f"control died while generation {number} was on its way", remedy=remedy) from error
    except KeyboardInterrupt:
        err().print(f"generation {number} goes on without us: see longspan status")
        raise
    raise AssertionError("follow ends with a generation that is done")


def show(planned: Plan) -> None:
    """Print the changes of a plan."""
    for line in lines(planned):
        out().print(line)


def lines(planned: Plan) -> Iterator[Text]:
    """A line for each change, then what follows from them."""
    width = min(_COLUMN, max((len(change.at) for change in planned.changes), default=0))
    for change in planned.changes:
        yield Text(f"{change.kind} {change.at:<{width}}   {_told(change)}".rstrip(), style=_STYLES[change.kind])
    if planned.restarts:
        yield Text(f"replaces the replicas of {', '.join(planned.restarts)}")
    yield from (Text(f"note: {note}") for note in planned.notes)


def _told(change: Change) -> str:
    if change.kind == "~":
        return f"{change.before} -> {change.after}"
    return change.after if change.kind == "+" else change.before


def summary(planned: Plan, *, runs: bool, words: str = "") -> str:
    """The last line of a plan: how much, on top of what, and how to go ahead.

    `runs`: a control does. `words`: what commands must be told to find this system (`Place.words`).
    """
    on = f"generation {planned.on}" if planned.on is not None else "an empty system"
    if not planned.changes:
        return f"nothing would change: {on} is what the file says"
    count = f"{len(planned.changes)} change{'s' * (len(planned.changes) != 1)}"
    steps = [] if runs else [f"longspan up{words}"]
    if planned.on is not None:
        steps.append(f"longspan apply{words} --on {planned.on}")
    elif runs:
        steps.append(f"longspan apply{words}")
    return f"{count} to {on}. Nothing has been touched. To go ahead: {', then '.join(steps)}"
