"""One errand without a door: ``python -m longspan.control once VERB`` prints what the API would answer.

``check`` needs no state; ``plan`` reads it; ``down`` takes it over to stop what a dead control left;
``doctor`` looks at the machine.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from longspan.capabilities.generations import api as generations_api
from longspan.capabilities.generations import run as generations
from longspan.capabilities.generations.adapters import Folder
from longspan.client import messages
from longspan.control import doctor, http
from longspan.control.stopping import Stopping
from longspan.control.waiting import Waiter
from longspan.control.world import World
from longspan.spec.fits import chains
from longspan.spec.works import unit_of

VERBS = ("check", "plan", "down", "doctor")


def answer(verb: str, file: Path, state: Path, *, now: bool) -> int:
    """Do it, print its JSON, and return the exit code."""
    errands: dict[str, Callable[[], object]] = {
        "check": lambda: check(file, state),
        "plan": lambda: plan(file, state),
        "down": lambda: down(file, state, now=now),
        "doctor": lambda: doctor.examine(file, state),
    }
    try:
        said, code = errands[verb](), 0
    except Exception as error:  # noqa: BLE001 -- whatever it is, the caller reads JSON
        said, code = http.problem(error), getattr(error, "exit_code", 1)
    sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
    return code


def check(file: Path, state: Path) -> messages.Checked:
    """Read and prove the file. Raises `Invalid` with every complaint."""
    loaded, _, described = Folder(file, state, dict(os.environ)).prove()
    services = []
    for name, chain in chains(loaded.system, described).items():
        section = loaded.system.services[name]
        steps = tuple(
            messages.CheckedStep(
                name=step.name,
                unit=unit_of(name, step.name, section.steps[step.name]),
                takes={key: str(kind) for key, kind in step.signature.inputs.items()},
                gives={key: str(kind) for key, kind in step.signature.outputs.items()},
                sources=step.inputs,
            )
            for step in chain.steps
        )
        services.append(messages.CheckedService(name=name, steps=steps))
    return messages.Checked(system=loaded.system.system.name, services=tuple(services))


def plan(file: Path, state: Path) -> messages.Plan:
    """What applying the file would change. Without a state it compares with nothing, and leaves nothing."""
    if (state / "state.db").exists():
        world = World.enter(file, state, dict(os.environ), watch=lambda _pid: None)
        return _planned(world)
    with tempfile.TemporaryDirectory(prefix="longspan-plan-") as empty:
        world = World(file, Path(empty), dict(os.environ), watch=lambda _pid: None)
        return _planned(world)


def _planned(world: World) -> messages.Plan:
    return generations_api.shown(generations.plan(world.generations, world.ledger, time.time_ns()), world.notes())


def down(file: Path, state: Path, *, now: bool) -> dict[str, bool]:
    """Stop what a control that is gone left running."""
    if not (state / "state.db").exists():
        return {"stopped": False}
    waiter = Waiter()
    world = World.enter(file, state, dict(os.environ), watch=waiter.watch)
    stopping = Stopping(world, waiter.knock)
    stopping.ask(now)
    while not stopping.done:
        stopping.trip()
        waiter.wait(0.05)
    return {"stopped": True}
