"""The commands of scaling: `explain` tells why that many, `replay` tries another policy, `scale` holds a count."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from longspan.base.errors import LongspanError
from longspan.base.units import format_duration, parse_duration
from longspan.client.moments import local, moment, rfc3339, zone
from longspan.client.options import File, Json, State
from longspan.client.place import DEFAULT_FILE, Place, author
from longspan.client.plot import plot
from longspan.client.scaling import (
    DecisionView,
    Explained,
    Replayed,
    ReplayOrder,
    Scaled,
    ScaleOrder,
    ScalingControl,
)
from longspan.client.terminal import say, say_json, say_table, table

Name = Annotated[str, typer.Argument(metavar="SERVICE|UNIT", help="A unit, or a service for all its units.")]
Unit = Annotated[str, typer.Argument(metavar="UNIT", help="As longspan status names it.")]
At = Annotated[str, typer.Option("--at", metavar="TIME", help="10:03, 2026-11-24 10:03 or RFC 3339; else now.")]
Since = Annotated[str, typer.Option("--since", metavar="DURATION", help="How far back the load is taken.")]
With = Annotated[str, typer.Option("--with", metavar="FILE", help="A file with a scaling: section.")]
Count = Annotated[str, typer.Argument(metavar="N|auto", help="Replicas, or auto to let go of it.")]
For = Annotated[str, typer.Option("--for", metavar="DURATION", help="How long it is held, such as 30m or 2h.")]

_MOST_LINES = 20
"""Changes of a replay that are told."""


class Misused(LongspanError):
    """An argument that says nothing: a wrong command line."""

    exit_code = 2


def explain(name: Name, at: At = "", file: File = DEFAULT_FILE, state: State = "", json: Json = False) -> None:
    """Say why there were that many replicas at a time.

    Tells the decision in force then, what was seen, what bounded it, and the changes before it. A time without a
    zone is that of this machine; without seconds, the whole minute is meant.

    Example: longspan scaling explain read-text --at 10:03
    """
    place = Place.named(file, state)
    place.must_exist()
    found = ScalingControl(place.state).explain(name, rfc3339(moment(at)))
    if json:
        say_json(found)
        return
    for number, one in enumerate(found):
        if number:
            say()
        _explain(one)
    say()
    say(f"times are {zone()}", style="dim")


def _explain(one: Explained) -> None:
    decision = one.decision
    say(f"{decision.unit} at {local(decision.at)}", style="bold")
    say(f"  {decision.reason}")
    for title, lines in (("seen", one.seen), ("bounds", one.rules)):
        say(f"  {title}:", style="dim")
        for line in lines:
            say(f"    {line}")
    if one.changes:
        say("  changes until then:", style="dim")
        for change in one.changes:
            say(f"    {_change(change)}")


def replay(
    unit: Unit,
    with_: With,
    since: Since = "1h",
    file: File = DEFAULT_FILE,
    state: State = "",
    json: Json = False,
) -> None:
    """Show what another policy would have done.

    Takes the load that was recorded of the unit through a model of its queue, and asks the real decider. What really
    happened, and the model under the policy that was in force, stand beside it.

    Example: longspan scaling replay read-text.recognise --with policy.yaml --since 2h
    """
    place = Place.named(file, state)
    place.must_exist()
    try:
        text = Path(with_).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Misused(f"cannot be read: {reason}", at=with_) from None
    order = ReplayOrder(policy=text, file=with_, since_seconds=_seconds(since, "--since"))
    found = ScalingControl(place.state).replay(unit, order)
    if json:
        say_json(found)
        return
    _replayed(found)


def _replayed(found: Replayed) -> None:
    from datetime import datetime

    first = datetime.fromisoformat(found.moments[0].at)
    x = [(datetime.fromisoformat(one.at) - first).total_seconds() for one in found.moments]
    if len(x) > 1:
        arrivals = {"arrivals": [one.arrivals for one in found.moments]}
        replicas = {
            "as recorded": [float(one.replicas) for one in found.moments],
            "the other policy": [float(one.other_replicas) for one in found.moments],
        }
        waits = {
            "as recorded": [1e3 * one.wait for one in found.moments],
            "the other policy": [1e3 * one.other_wait for one in found.moments],
        }
        for title, series, unit in (
            ("requests", arrivals, "/s"),
            ("replicas", replicas, ""),
            ("queue wait", waits, "ms"),
        ):
            for line in plot(title, x, series, unit=unit).splitlines():
                say(line)
            say()
    totals = table("", "replica hours", "changes", "mean wait", "worst wait", "refused")
    for one in found.totals:
        waits_told = (f"{1e3 * one.mean_wait:.1f} ms", f"{1e3 * one.worst_wait:.0f} ms")
        totals.add_row(one.name, f"{one.replica_hours:.2f}", str(one.changes), *waits_told, f"{one.refused:.0f}")
    say_table(totals)
    if found.decisions:
        say()
        say("the other policy would have decided:", style="dim")
        for change in found.decisions[:_MOST_LINES]:
            say(f"  {_change(change)}")
        if (more := len(found.decisions) - _MOST_LINES) > 0:
            say(f"  and {more} more: --json has them all")
    if found.left_out_seconds >= 1:
        say(f"{found.left_out_seconds:.0f} s are left out: too little was recorded of them", style="dim")
    say(f"from {local(found.moments[0].at)} to {local(found.moments[-1].at)} ({zone()})", style="dim")


def scale(
    unit: Unit, count: Count, for_: For = "1h", file: File = DEFAULT_FILE, state: State = "", json: Json = False
) -> None:
    """Hold a unit at a number of replicas, for a time.

    Until then neither the scaler nor the file says how many; longspan plan shows it as a note. With auto, it is held
    no longer.

    Example: longspan scale read-text.recognise 3 --for 1h
    """
    place = Place.named(file, state)
    place.must_exist()
    control = ScalingControl(place.state)
    if count == "auto":
        _scaled(control.unscale(unit), json)
        return
    if not count.isascii() or not count.isdigit() or len(count) > 4:
        raise Misused(f"{count[:20]!r} is no number of replicas", remedy="Give a number, or auto")
    seconds = _seconds(for_, "--for")
    order = ScaleOrder(unit=unit, replicas=int(count), for_seconds=seconds, author=author())
    _scaled(control.scale(order), json)


def _scaled(scaled: Scaled, json: bool) -> None:
    if json:
        say_json(scaled)
        return
    count = f"{scaled.before} -> " * (scaled.before != scaled.replicas) + str(scaled.replicas)
    if scaled.until:
        say(f"{scaled.unit}: {count}, held until {local(scaled.until)} ({zone()})")
    else:
        say(f"{scaled.unit} is held no longer: {count}")


def _change(change: DecisionView) -> str:
    return f"{local(change.at)[11:]}  {change.reason}"


def _seconds(text: str, option: str) -> float:
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise Misused(str(error), at=option) from None
    if not found:
        raise Misused(f"{format_duration(found)} is no time at all", at=option)
    return found.total_seconds()
