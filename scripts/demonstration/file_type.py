"""Tell the type of real files, and go on doing so whatever happens.

Sets up examples/file-type, classifies files of this machine, and keeps the service under load while it kills a
replica, kills control, applies a changed step, applies a broken one and rolls back.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

from rich.table import Table

from benchmarks.files import real_files
from benchmarks.judge import Judge
from benchmarks.system import System, kill
from longspan.client.load import Background, Plan, Request
from longspan.client.sync import Client
from scripts.demonstration.acts import Act, Wrong, act, say, show_acts

EXAMPLE = "file-type"
QUESTION = "What type is a file? Three steps (prepare, classify, name) behind a real Envoy."

FILES = 160
SHOWN = 14
RATE_PER_SECOND = 20.0
SETTLE = "2s"
MEDIA_TYPE = "application/octet-stream"

PLAIN = 'return {"label": label,'
CHANGED = 'return {"label": label, "description": kind["description"],'
BROKEN = "import os; os._exit(1)\n    " + PLAIN
"""The first answer that it should give ends its process."""


def run(system: System) -> bool:
    """The whole demo on a system that is not up yet, until it is down. True when no request failed."""
    system.change("longspan.yaml", "replicas: 2", f"replicas: 2\n    settle: {SETTLE}")
    system.change("longspan.yaml", "port: 8080", "port: 0")
    began = time.monotonic()
    status = system.up()
    say(f"Generation 1 serves after {time.monotonic() - began:.1f} s at {status.url},")
    say(f"two replicas behind Envoy {status.gateway.version}.")
    say(f"To be quick, an update settles for only {SETTLE} here (the default is 10s).\n")
    contents = {str(path): path.read_bytes() for path in real_files(FILES, each=6)}
    answers = classified(Client(status.url, retry=None), contents)
    show_files(contents, answers)
    judge = Judge(lambda key, answer: judged(answers[key], answer), 1)
    plan = Plan(
        address=system.address,
        requests=tuple(
            Request(path="/v1/services/file-type", body=body, content_type=MEDIA_TYPE, key=key)
            for key, body in contents.items()
        ),
        rate_per_second=RATE_PER_SECOND,
        seconds=120.0,
        check=judge,
    )
    say(f"\nThe same files, {RATE_PER_SECOND:.0f} a second; every answer is checked, none is asked for twice:")
    acts: list[Act] = []
    with Background(plan) as load:
        for what, deed in (
            ("nothing is done", lambda: "all is calm"),
            ("kill -9 of a replica", lambda: kill_replica(system)),
            ("kill -9 of control", lambda: kill_control(system)),
            ("longspan apply, a changed step", lambda: apply_changed(system, judge)),
            ("longspan apply, a broken step", lambda: apply_broken(system, judge)),
            ("longspan rollback", lambda: roll_back(system, judge)),
        ):
            acts.append(act(load, what, deed))
    show_acts(acts, load.report)
    system.run("down")
    if not system.ended():
        raise Wrong(f"down has left processes: {system.processes()}")
    return load.report.clean


def classified(gateway: Client, contents: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """The service's answer for each file."""
    replies = {name: gateway.send("file-type", body, media_type=MEDIA_TYPE) for name, body in contents.items()}
    return {name: json.loads(reply.body) for name, reply in replies.items()}


def judged(expected: dict[str, Any], answer: dict[str, Any]) -> tuple[str, int]:
    """The same type as before? And which version of the step: the changed one tells a description too."""
    right = {key: value for key, value in answer.items() if key != "description"} == expected
    return "" if right else "another type than before", 2 if "description" in answer else 1


def kill_replica(system: System) -> str:
    victim = system.replicas("file-type")[0].pid
    kill(victim)
    system.until("seen dead", lambda status: victim not in {one.pid for each in status.units for one in each.replicas})
    system.until_ready()
    return f"process {victim} was replaced"


def kill_control(system: System) -> str:
    before = system.status()
    kill(before.control.pid)
    after = system.up()
    same = [one.pid for one in before.units[0].replicas] == [one.pid for one in after.units[0].replicas]
    if not same or before.gateway.pid != after.gateway.pid:
        raise Wrong("control did not take over the processes it found")
    return f"process {after.control.pid} took over the same replicas and Envoy"


def apply_changed(system: System, judge: Judge) -> str:
    system.change("steps.py", PLAIN, CHANGED)
    judge.expect(1, 2)
    system.run("apply")
    judge.expect(2)
    return f"generation {system.status().generation} serves: answers have a description"


def apply_broken(system: System, judge: Judge) -> str:
    good = (system.folder / "steps.py").read_text()
    system.change("steps.py", CHANGED, BROKEN)
    code, text = system.ask("apply")
    (system.folder / "steps.py").write_text(good)
    status = system.status()
    if code != 1 or status.failed is None:
        raise Wrong(f"a broken step was taken: exit {code}\n{text}")
    return (
        f"generation {status.failed.generation} failed ({status.failed.reason}); {status.generation} serves as before"
    )


def roll_back(system: System, judge: Judge) -> str:
    judge.expect(1, 2)
    system.run("rollback")
    judge.expect(1)
    return f"generation {system.until_ready().generation} serves: no description any more"


def show_files(contents: dict[str, bytes], answers: dict[str, dict[str, Any]]) -> None:
    """The surest file of some types, and the counts of all."""
    kinds = {answer["label"] for answer in answers.values()}
    surest = {kind: max((n for n in answers if answers[n]["label"] == kind), key=score_of(answers)) for kind in kinds}
    table = Table("file", "bytes", "type", "media type", "score", box=None, padding=(0, 2, 0, 0))
    for kind, name in sorted(surest.items(), key=lambda item: (-answers[item[1]]["score"], item[0]))[:SHOWN]:
        answer = answers[name]
        table.add_row(
            shortened(os.path.basename(name)),
            f"{len(contents[name]):,}",
            kind,
            answer["mime"],
            f"{answer['score']:.2f}",
        )
    say(table)
    total = sum(len(body) for body in contents.values()) / (1 << 20)
    shown = min(SHOWN, len(kinds))
    say(f"[bold]{len(answers)} files of {len(kinds)} types[/], {total:.0f} MiB in all; {shown} of the types are shown.")


def score_of(answers: dict[str, dict[str, Any]]) -> Callable[[str], float]:
    return lambda name: float(answers[name]["score"])


def shortened(text: str, length: int = 28) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."
