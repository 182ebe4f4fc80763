"""Is the file right, and do its steps fit?"""

from __future__ import annotations

from longspan.client.messages import Checked, CheckedStep
from longspan.client.once import once
from longspan.client.options import File, Json, State
from longspan.client.place import DEFAULT_FILE, Place
from longspan.client.terminal import say, say_json, say_table, table


def check(file: File = DEFAULT_FILE, state: State = "", json: Json = False) -> None:
    """Check the file and prove that its steps fit.

    Prints what each step takes and gives; or every complaint at once, with file, line and column (exit 2).
    Step modules are imported, but no step and no model runs.

    Example: longspan check --file longspan.yaml
    """
    place = Place.named(file, state)
    place.must_have_file()
    checked = once(place, "check", Checked)
    if json:
        say_json(checked)
        return
    steps = table("service", "step", "takes", "gives")
    for service in checked.services:
        for at, step in enumerate(service.steps):
            steps.add_row("" if at else service.name, step.name, *_sides(step))
    if checked.services:
        say_table(steps)
        say()
    say(f"{place.file} is right: its steps fit")


def _sides(step: CheckedStep) -> tuple[str, str]:
    takes, gives = (
        ", ".join(f"{name} {kind}" for name, kind in side.items()) or "-" for side in (step.takes, step.gives)
    )
    return takes, gives
