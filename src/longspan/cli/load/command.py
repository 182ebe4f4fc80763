"""The command `load`."""

from __future__ import annotations

import difflib
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.live import Live
from rich.text import Text

from longspan.base.errors import LongspanError
from longspan.cli.load import asked, course, told
from longspan.client.load import Plan, Progress, Request
from longspan.client.messages import Status
from longspan.client.options import File, Json, State
from longspan.client.place import DEFAULT_FILE, Place
from longspan.client.sync import Client
from longspan.client.terminal import err, out, say, say_json

_PATIENCE_SECONDS = 60.0
"""Longest wait for an answer: a service's own limit of time ends most before."""

Service = Annotated[str, typer.Argument(metavar="SERVICE", help="The service to load.")]
Rate = Annotated[str, typer.Option("--rate", metavar="RATE", help="Steady: 50/s, or 90/m.  [default: 10/s]")]
Climb = Annotated[str, typer.Option("--ramp", metavar="RATES", help="From one rate to another during --for: 5..100/s.")]
Lasting = Annotated[str, typer.Option("--for", metavar="TIME", help="How long it sends.")]
Hold = Annotated[str, typer.Option("--hold", metavar="TIME", help="How long the last rate of a ramp holds.")]
Data = Annotated[
    list[str],
    typer.Option("--data", metavar="FILE", help="A body, or a folder of them; sent in turn. May be repeated."),
]
Type = Annotated[str, typer.Option("--type", metavar="TYPE", help="Their media type; else by the suffix of each.")]
Connections = Annotated[
    int, typer.Option("--connections", min=1, max=10_000, help="Most requests unanswered at once, each on its own.")
]
Kill = Annotated[
    str, typer.Option("--kill", metavar="WHAT", help="Kill a replica half-way: any with 'replica', else of this unit.")
]


def load(
    service: Service,
    rate: Rate = "",
    ramp: Climb = "",
    lasting: Lasting = "10s",
    hold: Hold = "",
    data: Data = [],  # noqa: B006 - typer reads it and hands us another
    media_type: Type = "",
    connections: Connections = 512,
    kill: Kill = "",
    file: File = DEFAULT_FILE,
    state: State = "",
    json: Json = False,
) -> None:
    """Put a real load on a service, and tell what became of every request.

    Requests are due at the rate, whatever became of those before, and their latency counts from then: a service
    that stalls cannot hide it. None is tried again. The exit code is 1 when one failed or could not be sent.
    Ctrl-C ends the load early. It is real: it uses what the service costs, and --kill ends a real process.

    Example: longspan load file-type --ramp 5..100/s --for 30s --hold 10s --data pictures/ --kill replica
    """
    when, seconds = asked.schedule(rate, ramp, lasting, hold)
    named = asked.files(data)
    place = Place.named(file, state)
    place.must_exist()
    status = place.control.status()
    requests = _requests(place, status, service, named, media_type)
    units = {service} | {step.unit for step in status.steps if step.service == service}
    killing = _killing(status, units, kill, seconds / 2) if kill else None
    plan = Plan(
        address=urlsplit(status.url).netloc,
        requests=requests,
        schedule=when,
        seconds=seconds,
        new_connection_every=0,
        time_out_seconds=_PATIENCE_SECONDS,
        in_flight=connections,
    )
    sizes = len(requests), sum(len(request.body) for request in requests)
    if not json:
        say(told.headline(service, status.url, when, seconds, *sizes))
    with Live(console=err(), auto_refresh=False, transient=True) as live:

        def tell(now: Progress, look: course.Look) -> None:
            if err().is_terminal:
                live.update(Text(told.progress(now, look, seconds)), refresh=True)

        report, looks = course.run(plan, place.control, units, killing, tell)
    outcome = told.Told(service, status.url, *sizes, report, looks)
    if json:
        say_json(told.json(outcome))
    else:
        for line in told.lines(outcome):
            out().print(line if isinstance(line, Text) else Text(line))
    if not report.clean:
        raise typer.Exit(1)


def _requests(place: Place, status: Status, service: str, named: list[str], media_type: str) -> tuple[Request, ...]:
    """What is sent in turn: the named files, else the sample that `up` shows. Raises `LongspanError`."""
    if service not in status.services:
        close = difflib.get_close_matches(service, status.services, n=1)
        remedy = f"Did you mean {close[0]}?" if close else f"It has these: {', '.join(status.services) or 'none yet'}"
        raise LongspanError(f"{status.system} has no service {service}", remedy=remedy)
    ranges = status.natural.get(service)
    if named:
        return asked.natural(service, named, media_type) if ranges else asked.inference(service, named)
    if ranges:
        beside = sorted(path for path in place.file.parent.iterdir() if path.is_file() and path != place.file)
        return asked.natural_sample(service, ranges, [str(path) for path in (place.file, *beside)])
    return asked.inference_sample(service, Client(status.url, timeout=_PATIENCE_SECONDS, retry=None).metadata(service))


def _killing(status: Status, units: set[str], what: str, at_seconds: float) -> course.Killing:
    """Raises `Misasked` for what is no unit of the service, `LongspanError` when there is none to kill here and now."""
    if what != "replica" and what not in units:
        remedy = f"Write replica, or one of these units: {', '.join(sorted(units))}"
        raise asked.Misasked(f"{what} is none of the service's units", at="--kill", remedy=remedy)
    if status.generation is None:
        problem = "no generation serves yet, and a death in its first seconds fails the one on its way"
        raise LongspanError(problem, at="--kill", remedy="Wait until it has settled: longspan status")
    chosen = frozenset(units if what == "replica" else {what})
    if not course.candidates(status, chosen):
        raise LongspanError("no replica of it is ready on this machine", at="--kill", remedy="See longspan status")
    return course.Killing(chosen, at_seconds)
