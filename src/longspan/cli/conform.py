"""Does a server speak the Open Inference Protocol, and where does it differ?"""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer
from rich.text import Text

from longspan.base.errors import LongspanError
from longspan.client.conform import Report, Server, examine
from longspan.client.options import Json
from longspan.client.terminal import err, out, say, say_json, say_table, table

Url = Annotated[str, typer.Argument(metavar="URL", help="http://HOST:PORT, or unix: and the path of a socket.")]
Models = Annotated[
    list[str] | None,
    typer.Argument(metavar="MODEL...", help="Its models and services to ask; without any, the server alone is asked."),
]
Shapes = Annotated[
    list[str] | None,
    typer.Option("--shape", metavar="INPUT=N,N", help="The shape of an input, where the smallest will not do."),
]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="Longest wait for an answer.")]


def conform(url: Url, models: Models = None, shape: Shapes = None, timeout: Timeout = 10.0, json: Json = False) -> int:
    """Ask any server what the Open Inference Protocol promises.

    Prints each promise, and what was seen where it was not kept; --json prints all answers. The exit code is 0 when
    every MUST was kept, 1 when one was not. Tensors of zeros are sent, and wrong requests of many kinds: ask a server
    that may be asked so.

    Example: longspan conform http://127.0.0.1:8080 file-type
    """
    server, shapes = Server(url, timeout=timeout), dict(map(_shape, shape or ()))
    with err().status("asking ...") if sys.stderr.isatty() else contextlib.nullcontext():
        report = examine(server, models or (), shapes)
    if json:
        say_json({"url": report.url, "server": report.server, "conforms": report.conforms, "answers": report.answers})
    else:
        _say(report, bool(models))
    return int(not report.conforms)


def _say(report: Report, models: bool) -> None:
    shown = table("model", "level", "promise", "", "seen")
    style = {"kept": "green", "differs": "bold red"}
    before = ""
    for answer in report.answers:
        name = answer.model if answer.model != before else ""
        before = answer.model
        verdict = Text(answer.verdict, style=style.get(answer.verdict, "dim"))
        shown.add_row(name, answer.level, answer.promise, verdict, _short(answer.seen))
    say_table(shown)
    counts = [sum(answer.verdict == verdict for answer in report.answers) for verdict in ("kept", "differs")]
    words = "conforms" if report.conforms else "does not conform"
    say(f"{report.server or report.url} {words}: {counts[0]} promises kept, {counts[1]} not, of {len(report.answers)}.")
    if not models:
        say("No model was named, so none was asked: longspan conform URL MODEL")


def _short(text: str) -> str:
    room = max(40, out().width // 2) if out().is_terminal else 2000
    clean = "".join(letter if letter.isprintable() else "?" for letter in text)
    return clean if len(clean) <= room else clean[: room - 3] + "..."


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, equals, sizes = text.rpartition("=")
    parts = sizes.split(",")
    if not equals or not all(part.isdigit() and len(part) < 10 for part in parts):
        raise LongspanError(f"--shape {text!r} is no shape", remedy="Write it as --shape x=1,3,224,224")
    return name, tuple(map(int, parts))
