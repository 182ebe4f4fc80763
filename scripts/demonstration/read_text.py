"""Read the text in pictures, grow what is the bottleneck while more and more of them come, and shrink when it is calm.

Sets up examples/read-text with `recognise` in processes of its own, measures how wrong its text is, and lets the load
climb and fall. The scaler's windows are shortened, and said. Then, still under load, the plan of fusion is changed:
all steps in one process. Every answer must be the text that was read before; none may fail.
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
from longspan.client.gateway import Gateway
from longspan.client.load import Answer, Arrivals, Background, Plan, Report, Request
from longspan.client.messages import Status
from longspan.client.scaling import DecisionView, ScalingControl
from scripts.demonstration.acts import Wrong, say

EXAMPLE = "read-text"
QUESTION = "What text stands in a picture? Five steps around two models, one of the steps a unit of its own."

SERVICE, UNIT = "read-text", "read-text.recognise"
MEDIA_TYPE = "application/octet-stream"
SETTLE = "2s"
SCALING = "scaling: {min: 1, max: 3, panic_window: 2s, stable_window: 6s, calm: 8s}"
APART = f"        pad: {{width: 32}}\n        {SCALING}"
FUSED = "        pad: {width: 32}"

LOAD = 8
"""Pictures that are sent in turn under load, drawn so that most of the work is in `recognise`."""
COURSE = ((0.0, 0.4), (16.0, 1.6), (30.0, 1.6), (32.0, 0.3), (62.0, 0.3))
"""Requests a second at these seconds of the load, and evenly between."""
CALM_AT = 32.0
LOOK_SECONDS = 0.25
MOST_WRONG = 0.05
"""Share of the letters of the drawn pictures."""


def run(system: System) -> bool:
    """The whole of it on a system that is not up yet, until it is down. True when no request failed."""
    system.change("longspan.yaml", "    limits:", f"    settle: {SETTLE}\n    limits:")
    system.change("longspan.yaml", FUSED, APART)
    system.change("longspan.yaml", "port: 8080", "port: 0")
    status = system.up()
    say(f"Two units serve at {status.url}: {SERVICE} walks the graph, {UNIT} runs one step of it.")
    say(f"To be quick, windows are short here: {SCALING}")
    say("(the defaults are panic_window: 6s, stable_window: 60s, calm: 2m).\n")
    gateway = Gateway(status.url)
    show_texts(gateway, [*photographs()][:3])
    pictures = [draw(f"page {seed}", seed, font="aileron", size=15, lines=14) for seed in range(LOAD)]
    texts = {picture.name: read(gateway, picture) for picture in pictures}
    wrong = sum(edits(texts[p.name], p.text) for p in pictures) / sum(length(p.text) for p in pictures)
    say(f"{LOAD} drawn pages of 14 lines: {wrong:.1%} of their letters are wrong.\n")
    if wrong > MOST_WRONG:
        raise Wrong(f"more than {MOST_WRONG:.0%} of the letters are wrong")
    report, looks = under_load(system, pictures, texts)
    show_course(status, pictures, report, looks)
    system.run("down")
    if not system.ended():
        raise Wrong(f"down has left processes: {system.processes()}")
    grown = max(look.ready.get(UNIT, 0) for look in looks)
    say(
        f"[bold]{report.due} requests, [{'green' if report.clean else 'red'}]failed requests = {report.due - report.ok}"
    )
    return report.clean and grown > 1


def read(gateway: Gateway, picture: Picture) -> str:
    """The service's text."""
    reply = gateway.send(SERVICE, picture.content, media_type=MEDIA_TYPE)
    return str(json.loads(reply.body)["text"])


def show_texts(gateway: Gateway, pictures: Sequence[Picture]) -> None:
    table = Table("picture", "text that was read", "letters wrong", box=None, padding=(0, 2, 0, 0))
    for picture in pictures:
        text = read(gateway, picture)
        table.add_row(picture.name, Text(text), f"{edits(text, picture.text)} of {length(picture.text)}")
        table.add_row()
    say(table)


def under_load(system: System, pictures: Sequence[Picture], texts: dict[str, str]) -> tuple[Report, tuple[Look, ...]]:
    """Climb, hold, fall, wait for the calm, then fuse the steps: one load over all of it."""

    def check(answer: Answer) -> str:
        return "" if json.loads(answer.body)["text"] == texts[answer.key] else "another text than before"

    path = f"/v1/services/{SERVICE}"
    plan = Plan(
        address=system.address,
        requests=tuple(Request(path=path, body=one.content, content_type=MEDIA_TYPE, key=one.name) for one in pictures),
        schedule=Arrivals(tuple(arrivals())),
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
                    raise Wrong(f"{UNIT} still has {looks[-1].ready} replicas ready at the end of the load")
                looks.append(seen(system.status(), load.seconds))
                time.sleep(LOOK_SECONDS)

        watch(CALM_AT)
        watch(CALM_AT, also=1)
        decisions = changes(scaling)
        explained = [explain(system, one) for one in chosen(decisions)]
        entry = system.run("scaling", "explain", SERVICE)
        system.change("longspan.yaml", APART, FUSED)
        load.mark("longspan apply: all steps in one process")
        system.run("apply")
        load.mark("applied")
        while len(system.status().units) > 1:
            looks.append(seen(system.status(), load.seconds))
            time.sleep(LOOK_SECONDS)
        watch(load.seconds + 3.0)
    for text in [*explained, entry]:
        say(Text(text))
    return load.report, tuple(looks)


def arrivals() -> Iterator[float]:
    """The seconds at which requests are due: the rate of `COURSE`, without chance."""
    owed = 0.0
    step = 0.01
    for (begin, first), (end, last) in pairwise(COURSE):
        for number in range(round((end - begin) / step)):
            share = number * step / (end - begin)
            owed += (first + (last - first) * share) * step
            if owed >= 1:
                owed -= 1
                yield begin + number * step


def seen(status: Status, at: float) -> Look:
    return Look(at, {unit.name: sum(one.state == "ready" for one in unit.replicas) for unit in status.units})


def changes(scaling: ScalingControl) -> list[DecisionView]:
    """All changes of the unit's count, oldest first."""
    (found,) = scaling.explain(UNIT, "")
    return list(reversed(found.changes))


def chosen(decisions: Sequence[DecisionView]) -> list[DecisionView]:
    """The first that grew and the last that shrank it."""
    grew = [one for one in decisions if one.after > one.before]
    shrank = [one for one in decisions if one.after < one.before]
    if not grew or not shrank:
        raise Wrong(f"{UNIT} did not grow and shrink: {decisions}")
    return [grew[0], shrank[-1]]


def explain(system: System, decision: DecisionView) -> str:
    """What ``longspan scaling explain`` says of that moment."""
    return system.run("scaling", "explain", UNIT, "--at", decision.at)


def show_course(status: Status, pictures: Sequence[Picture], report: Report, looks: tuple[Look, ...]) -> None:
    """What ``longspan load`` shows of a load: percentiles, and load, replicas and p95 over time."""
    size = sum(len(picture.content) for picture in pictures)
    for line in lines(Told(SERVICE, status.url, len(pictures), size, report, looks)):
        say(line)
