"""Is the file right, and do its steps fit?"""

from __future__ import annotations

from collections.abc import Collection

from longspan.client.messages import Checked, CheckedStep
from longspan.client.once import once
from longspan.client.options import File, Json, State
from longspan.client.place import DEFAULT_FILE, Place
from longspan.client.terminal import say, say_json, say_table, table


def check(file: File = DEFAULT_FILE, state: State = "", json: Json = False) -> None:
    """Check the file and prove that its steps fit.

    Prints each step in an order in which they can run: the unit that runs it, what it takes (from which step, where
    it is not from the request) and what it gives; or every complaint at once, with file, line and column (exit 2).
    Step modules are imported, but no step and no model runs.

    Example: longspan check --file longspan.yaml
    """
    place = Place.named(file, state)
    place.must_have_file()
    checked = once(place, "check", Checked)
    if json:
        say_json(checked)
        return
    steps = table("service", "step", "unit", "takes", "gives")
    for service in checked.services:
        names = {step.name for step in service.steps}
        for at, step in enumerate(service.steps):
            steps.add_row("" if at else service.name, step.name, step.unit, _takes(step, names), _gives(step))
    if checked.services:
        say_table(steps)
        say()
    say(f"{place.file} is right: its steps fit")


def _takes(step: CheckedStep, steps: Collection[str]) -> str:
    """An input a line, and the step that gives it; under which name, where that is another."""
    lines = []
    for name, kind in step.takes.items():
        source = step.sources.get(name, "")
        giver, _, output = source.partition(".")
        where = f" from {giver if output == name else source}" if giver in steps else ""
        lines.append(f"{name} {kind}{where}")
    return "\n".join(lines) or "-"


def _gives(step: CheckedStep) -> str:
    return "\n".join(f"{name} {kind}" for name, kind in step.gives.items())
