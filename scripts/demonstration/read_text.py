"""Read the text in pictures, grow what is the bottleneck while more and more of them come, and shrink when it is calm.

Sets up examples/read-text, shows what it reads and how much of that is wrong, then gives `recognise` processes of its
own and lets the load climb and fall. The scaler's windows are shortened, and said. Then, still under load, all steps
are fused again. Every answer must be the text that was read first; none may fail.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

from rich.table import Table
from rich.text import Text

from benchmarks.error_rate import edits, length
from benchmarks.pictures import Picture, draw, photographs
from benchmarks.system import System
from longspan.cli.load.course import Look
from longspan.cli.load.told import Told, lines
from longspan.client.load import Answer, Arrivals, Background, Plan, Report, Request
from longspan.client.messages import Status
from longspan.client.scaling import DecisionView, ScalingControl
from longspan.client.sync import Client
from scripts.demonstration.acts import Wrong, say

EXAMPLE = "read-text"
QUESTION = "What text stands in a picture? Five steps around two models, one of the steps a unit of its own."

SERVICE, UNIT = "read-text", "read-text.recognise"
MEDIA_TYPE = "application/octet-stream"
SETTLE = "2s"
SCALING = "scaling: {min: 1, max: 3, cpu: 75%, queue_wait: 500ms, panic_window: 3s, stable_window: 6s, calm: 8s}"
APART = f"        pad: {{width: 32}}\n        {SCALING}"
FUSED = "        pad: {width: 32}"

LOAD = 8
"""Pictures that are sent in turn under load, drawn so that most of the work is in `recognise`."""
COURSE = ((0.0, 0.3), (16.0, 1.4), (28.0, 1.4), (30.0, 0.1), (80.0, 0.1))
"""Load at these seconds, and evenly between: pictures for each that one process alone could read. At the peak
`recognise` has work for most of a core, and all the steps together for less than two."""
CALM_AT = 30.0
LOOK_SECONDS = 0.25
MOST_WRONG = 0.05
"""Share of the letters of the drawn pictures."""


def run(system: System) -> bool:
    """The whole of it on a system that is not up yet, until it is down. True when no request failed."""
    system.change("longspan.yaml", "    limits:", f"    settle: {SETTLE}\n    {SCALING}\n    limits:")
    system.change("longspan.yaml", "port: 8080", "port: 0")
    status = system.up()
    say(f"All steps in one process, at {status.url}. An update settles for only {SETTLE} here (the default is 10s).\n")
    gateway = Client(status.url, retry=None)
    show_texts(gateway, [*photographs()][:3])
    pictures = [draw(f"page {seed}", seed, font="aileron", size=15, lines=14) for seed in range(LOAD)]
    read(gateway, pictures[0])
    began = time.monotonic()
    texts = {picture.name: read(gateway, picture) for picture in pictures}
    each = (time.monotonic() - began) / LOAD
    wrong = sum(edits(texts[p.name], p.text) for p in pictures) / sum(length(p.text) for p in pictures)
    say(f"{LOAD} drawn pages of 14 lines, {each * 1e3:.0f} ms each: {wrong:.1%} of their letters are wrong.\n")
    if wrong > MOST_WRONG:
        raise Wrong(f"more than {MOST_WRONG:.0%} of the letters are wrong")
    system.change("longspan.yaml", FUSED, APART)
    system.run("apply")
    same = sum(read(gateway, picture) == texts[picture.name] for picture in pictures[:2])
    say(f"Now two units: {SERVICE} walks the graph, {UNIT} runs one step of it. {same} of 2 texts are the same.")
    say(f"To be quick, windows are short here: {SCALING}")
    say("(the defaults are panic_window: 6s, stable_window: 60s, calm: 2m). The load climbs, falls, and then, under")
    say("load, all steps are put into one process again:\n")
    report, looks = under_load(system, pictures, texts, each)
    show_course(status, pictures, report, looks)
    system.run("down")
    if not system.ended():
        raise Wrong(f"down has left processes: {system.processes()}")
    grown = max(look.ready.get(UNIT, 0) for look in looks)
    say(
        f"[bold]{report.due} requests, [{'green' if report.clean else 'red'}]failed requests = {report.due - report.ok}"
    )
    return report.clean and grown > 1


def read(gateway: Client, picture: Picture) -> str:
    """The service's text."""
    reply = gateway.send(SERVICE, picture.content, media_type=MEDIA_TYPE)
    return str(json.loads(reply.body)["text"])


def show_texts(gateway: Client, pictures: Sequence[Picture]) -> None:
    table = Table("picture", "text that was read", "letters wrong", box=None, padding=(0, 2, 0, 0))
    for picture in pictures:
        text = read(gateway, picture)
        table.add_row(picture.name, Text(text), f"{edits(text, picture.text)} of {length(picture.text)}")
        table.add_row()
    say(table)


def under_load(
    system: System, pictures: Sequence[Picture], texts: dict[str, str], each_seconds: float
) -> tuple[Report, tuple[Look, ...]]:
    """Climb, hold, fall, wait for the calm, then fuse the steps: one load over all of it."""

    def check(answer: Answer) -> str:
        return "" if json.loads(answer.body)["text"] == texts[answer.key] else "another text than before"

    path = f"/v1/services/{SERVICE}"
    plan = Plan(
        address=system.address,
        requests=tuple(Request(path=path, body=one.content, content_type=MEDIA_TYPE, key=one.name) for one in pictures),
        schedule=Arrivals(tuple(arrivals(1 / each_seconds))),
        seconds=COURSE[-1][0],
        time_out_seconds=30.0,
        check=check,
    )
    scaling = ScalingControl(system.state)
    looks: list[Look] = []
    with Background(plan) as load:

        def watch(until: float, also: int = 0) -> None:
            """Look at the replicas until that second; and, if `also` is given, until the unit has no more of them."""
            while load.seconds < until or (also and looks[-1].ready.get(UNIT, 0) > also):
                if load.ended:
                    raise Wrong(f"not calm at the end of the load:\n{system.run('scaling', 'explain', UNIT)}")
                looks.append(seen(system.status(), load.seconds))
                time.sleep(LOOK_SECONDS)

        watch(CALM_AT)
        entry = explain(system, SERVICE)
        watch(CALM_AT, also=1)
        grew, shrank = changes(scaling)
        explained = [explain(system, UNIT, grew.at), entry, explain(system, UNIT, shrank.at)]
        system.change("longspan.yaml", APART, FUSED)
        load.mark("longspan apply: all steps in one process")
        system.run("apply")
        load.mark("applied")
        while len(system.status().units) > 1:
            looks.append(seen(system.status(), load.seconds))
            time.sleep(LOOK_SECONDS)
        watch(load.seconds + 3.0)
    say("Three decisions, explained by longspan scaling explain:\n")
    for text in explained:
        say(Text(text))
    return load.report, tuple(looks)


def arrivals(one: float) -> Iterator[float]:
    """The seconds at which requests are due by `COURSE`, without chance. `one`: pictures a second of one process."""
    owed = 0.0
    step = 0.01
    for (begin, first), (end, last) in pairwise(COURSE):
        for number in range(round((end - begin) / step)):
            share = number * step / (end - begin)
            owed += (first + (last - first) * share) * one * step
            if owed >= 1:
                owed -= 1
                yield begin + number * step


def seen(status: Status, at: float) -> Look:
    return Look(at, {unit.name: sum(one.state == "ready" for one in unit.replicas) for unit in status.units})


def changes(scaling: ScalingControl) -> tuple[DecisionView, DecisionView]:
    """The first change that added replicas to the unit, and the last that took some away."""
    (found,) = scaling.explain(UNIT, "")
    grew = [one for one in found.changes if one.after > one.before]
    shrank = [one for one in found.changes if one.after < one.before]
    if not grew or not shrank:
        raise Wrong(f"{UNIT} did not grow and shrink: {found.changes}")
    return grew[-1], shrank[0]


def explain(system: System, name: str, at: str = "") -> str:
    """What ``longspan scaling explain`` says of a unit at that moment, or now."""
    said = system.run("scaling", "explain", name, *(["--at", at] if at else []))
    mine = next(part for part in said.split("\n\n") if part.startswith(f"{name} at "))
    return mine.partition("  changes until then:")[0]


def show_course(status: Status, pictures: Sequence[Picture], report: Report, looks: tuple[Look, ...]) -> None:
    """What ``longspan load`` shows of a load: percentiles, and load, replicas and p95 over time."""
    size = sum(len(picture.content) for picture in pictures)
    for line in lines(Told(SERVICE, status.url, len(pictures), size, report, looks)):
        say(line)
