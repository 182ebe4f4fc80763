"""Things that are done to a system while it is under load, and how that went, as people read it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape

from longspan.client.load import Background, Report

CALM_SECONDS = 2.0
"""The load runs on for so long after each thing, before the next."""

console = Console(width=min(Console().width, 120), highlight=False)
say = console.print


class Wrong(Exception):
    """A check did not hold."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done to the system under load, and how that went. Times are seconds of the load."""

    what: str
    outcome: str
    began: float
    ended: float


def act(load: Background, what: str, deed: Callable[[], str]) -> Act:
    """Do it, then let the load run on for a moment."""
    began = load.seconds
    load.mark(what)
    with console.status(what):
        outcome = deed()
        ended = load.seconds
        while load.seconds < ended + CALM_SECONDS:
            time.sleep(0.02)
    return Act(what, outcome, began, ended)


def show_acts(acts: list[Act], report: Report) -> None:
    """What happened when, and what the callers saw of it until the next thing."""
    say("     at  what was done                   took  sent      p50      p99  failed")
    ends = [*(each.began for each in acts[1:]), report.seconds]
    for each, end in zip(acts, ends, strict=True):
        window = report.window(each.began, end)
        p50, p99 = window.latency.p50 * 1e3, window.latency.p99 * 1e3
        seen = f"{window.due:4}  {p50:4.0f} ms  {p99:4.0f} ms  {window.failed:6}"
        say(f"{max(0.0, each.began):5.1f} s  {each.what:30} {each.ended - each.began:4.1f} s  {seen}")
        say(f"         [dim]{escape(each.outcome)}[/]", soft_wrap=True)
    p50, p99, failed = report.latency.p50 * 1e3, report.latency.p99 * 1e3, report.due - report.ok
    colour = "red" if failed else "green"
    say(f"[bold]{report.due} requests, p50 {p50:.0f} ms, p99 {p99:.0f} ms, [{colour}]failed requests = {failed}[/][/]")
    if not report.clean:
        print(report)
