"""Do the pages keep their promises: do the commands of README and tour work as they stand there?

Blocks of shell under ``<!-- tested -->`` run in one shell per page, in the order of the page. What a line
promises in its comment must come true: ``# prints TEXT``, ``# exits N`` (else 0). The port is a free one.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
BLOCK = re.compile(r"^<!-- tested -->\n```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HOW_TO = ROOT / "docs" / "how-to"
PAGES = [ROOT / "README.md", ROOT / "docs" / "tour.md", HOW_TO / "load.md", HOW_TO / "scale.md"]
PORT = "8080"
"""What the starter and the pages say."""


class Line(NamedTuple):
    command: str
    exits: int
    prints: str


def lines(page: Path) -> list[Line]:
    """The commands of a page, each with what its comment promises."""
    found = []
    for block in BLOCK.findall(page.read_text()):
        for text in block.replace("\\\n", " ").splitlines():
            command, _, comment = text.partition("   # ")
            exits = re.search(r"\bexits (\d+)", comment)
            prints = re.search(r"\bprints (.+?)(?:; |$)", comment)
            if command.strip() and not command.startswith("#"):
                found.append(Line(command.strip(), int(exits[1]) if exits else 0, prints[1] if prints else ""))
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def script(page: list[Line], port: int) -> str:
    """One shell script; each command's output and exit code go to files of their own in $OUT."""
    parts = []
    for at, line in enumerate(page):
        command = line.command.replace(PORT, str(port))
        if command.startswith("longspan init"):
            command += f" && sed -i s/{PORT}/{port}/ longspan.yaml"
        parts.append(f'{{ {command}\n}} >"$OUT/{at}" 2>&1; echo $? >"$OUT/{at}.exit"\n')
    return "".join(parts) + "longspan down --now >/dev/null 2>&1\n"


@pytest.mark.journey
@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("curl") is None, reason="the pages use curl, which is not on PATH")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_the_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    commands = lines(page)
    assert len(commands) > 5
    subprocess.run(
        ["bash", "-c", script(commands, free_port())],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "OUT": str(out), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        timeout=280,
        check=False,
    )
    broken = []
    for at, line in enumerate(commands):
        said, code = (out / f"{at}").read_text(), int((out / f"{at}.exit").read_text())
        if code != line.exits or line.prints not in said:
            broken.append(f"$ {line.command}\nexit code {code}, expected {line.exits} and {line.prints!r}\n{said}")
    assert not broken, "\n".join(broken)


def test_every_file_that_a_page_links_is_there() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    links = [(page, to) for page in pages for to in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())]
    assert not [f"{page.relative_to(ROOT)}: {to}" for page, to in links if not (page.parent / to).exists()]
