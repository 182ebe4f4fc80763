"""A step that yields reaches the caller through the gateway as it yields, and so does a secret reach its step."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from benchmarks.system import System

SECRET = "a-value-that-stands-nowhere"
FILE = """\
system: {name: streams}
services:
  story:
    settle: 0s
    accepts: {"text/plain": tell.sign}
    answers: {text/event-stream: tell.line}
    steps:
      tell: {run: "story:Teller", with: {name: "${env:STORY_NAME}"}}
gateway: {port: 0}
"""
STEP = '''\
import asyncio
import os
from collections.abc import AsyncIterator
from typing import TypedDict


class Line(TypedDict):
    line: str


class Teller:
    def __init__(self, name: str) -> None:
        self.length = len(name)

    async def __call__(self, sign: str) -> AsyncIterator[Line]:
        """Tell the length of the name, and go on when the file named by the request is there."""
        yield {"line": f"once {self.length}"}
        while not os.path.exists(sign):
            await asyncio.sleep(0.02)
        yield {"line": "the end"}
'''


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("streams")
    (folder / "longspan.yaml").write_text(FILE)
    (folder / "story.py").write_text(STEP)
    with System(folder, {"STORY_NAME": SECRET}) as system:
        system.up()
        yield system


@contextlib.contextmanager
def asked(system: System, method: str, path: str, body: str | None = None) -> Iterator[http.client.HTTPResponse]:
    """The response to one request, to be read while it comes; leaving the block closes the connection."""
    connection = http.client.HTTPConnection(urlsplit(system.status().url).netloc, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, body, {"content-type": "text/plain"})
        with connection.getresponse() as response:
            yield response


def test_what_is_yielded_comes_before_the_step_has_ended(system: System, tmp_path: Path) -> None:
    with asked(system, "POST", "/v1/services/story", str(tmp_path / "go-on")) as response:
        assert response.getheader("content-type") == "text/event-stream"
        assert response.readline() == b"data: once %d\n" % len(SECRET)
        assert response.readline() == b"\n"
        (tmp_path / "go-on").touch()
        assert response.read() == b"data: the end\n\n"


def test_httpx_reads_lines_as_they_come_gives_up_on_silence_and_calls_again(system: System, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    with httpx.Client(base_url=system.status().url, timeout=20, headers={"content-type": "text/plain"}) as client:
        with client.stream("POST", "/v1/services/story", content=str(go_on), timeout=1) as response:
            lines = response.iter_lines()
            assert next(lines) == f"data: once {len(SECRET)}"
            with pytest.raises(httpx.ReadTimeout):
                list(lines)
        with client.stream("POST", "/v1/services/story", content=str(go_on)) as response:
            lines = response.iter_lines()
            assert next(lines) == f"data: once {len(SECRET)}"
            go_on.touch()
            assert list(lines) == ["", "data: the end", ""]


def test_oip_inference_of_a_stream_is_refused_with_its_natural_address(system: System) -> None:
    with asked(system, "POST", "/v2/models/story/infer", "{}") as response:
        assert response.status == 400
        assert b"/v1/services/story" in response.read()


def test_a_secret_stands_in_no_file_no_argument_and_no_environment_of_a_worker(system: System) -> None:
    (unit,) = system.status().units
    for name in ("cmdline", "environ"):
        assert SECRET.encode() not in Path(f"/proc/{unit.replicas[0].pid}/{name}").read_bytes()
    files = [path for path in system.state.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_a_caller_that_goes_away_ends_the_stream(system: System, tmp_path: Path) -> None:
    with asked(system, "POST", "/v1/services/story", str(tmp_path / "never")) as response:
        response.readline()
    idle = 'longspan_requests_in_flight{unit="story",slot="0",endpoint="story"} 0'
    end = time.monotonic() + 20
    while True:
        with asked(system, "GET", "/-/metrics") as page:
            text = page.read().decode()
        if idle in text:
            return
        assert time.monotonic() < end, [line for line in text.splitlines() if "in_flight" in line]
        time.sleep(0.1)
