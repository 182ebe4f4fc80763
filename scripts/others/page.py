"""The page of what other servers do: ``python -m scripts.others.page REPORT.json... > docs/conformance.md``

A report is what ``longspan conform --json`` prints.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import msgspec

HEAD = """\
# What other servers answer

Made by `scripts/conformance`: the questions of [`longspan conform`](how-to/conform.md), asked to our gateway and to two
servers from the package registry. Each of those has the simplest model its own documentation shows, which gives its
first input back; so where a server leaves it to the model to look at what came, nobody looks. Differences are no
judgement on a server: they are what a client, and a step behind `command:` or `url:`, has to expect of it.
"""
_LONGEST = 110


class Answer(msgspec.Struct):
    level: str
    promise: str
    verdict: str
    seen: str


class Report(msgspec.Struct):
    server: str
    answers: list[Answer]


def main() -> None:
    reports = [msgspec.json.decode(Path(name).read_bytes(), type=Report) for name in sys.argv[1:]]
    print(HEAD)
    print(f"| | promise | {' | '.join(report.server for report in reports)} |")
    print(f"| --- | --- |{' --- |' * len(reports)}")
    for row in zip(*(report.answers for report in reports), strict=True):
        print(f"| {row[0].level} | {_cell(row[0].promise)} | {' | '.join(map(_told, row))} |")


def _told(answer: Answer) -> str:
    # What is particular to one run and one machine says nothing about the server.
    seen = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "...", re.sub(r"/[^\s\"',]*/", "", answer.seen))
    return f"**differs**: {_cell(seen)}" if answer.verdict == "differs" else answer.verdict


def _cell(text: str) -> str:
    text = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    main()
