"""Would Longspan run on this machine?"""

from __future__ import annotations

import typer
from rich.text import Text

from longspan.client.messages import Finding
from longspan.client.once import once
from longspan.client.options import File, Json, State
from longspan.client.place import DEFAULT_FILE, Place
from longspan.client.terminal import say, say_json, say_table, table


def doctor(file: File = DEFAULT_FILE, state: State = "", json: Json = False) -> None:
    """Look whether this machine has all that Longspan needs.

    Says what to do where it has not (exit 1).

    Example: longspan doctor
    """
    findings = once(Place.named(file, state), "doctor", list[Finding])
    ill = [finding for finding in findings if not finding.ok]
    if json:
        say_json(findings)
    else:
        seen = table("", "part", "found")
        for finding in findings:
            mark = Text("ok", style="green") if finding.ok else Text("no", style="bold red")
            seen.add_row(mark, finding.name, finding.detail)
        say_table(seen)
        for finding in ill:
            say(f"{finding.name}: {finding.remedy or finding.detail}")
    raise typer.Exit(1 if ill else 0)
