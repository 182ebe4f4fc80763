"""The logs of a state folder: tails, requests found again, following, rotation."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

import pytest

from longspan.capabilities.replicas.adapters import logs as module
from longspan.capabilities.replicas.adapters.logs import Logs
from longspan.capabilities.replicas.api import as_they_come


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path / "logs")


def write(logs: Logs, unit: str, slot: int, text: str) -> None:
    with logs.open(unit, slot) as log:
        log.write(text.encode())


def test_a_tail_is_the_last_lines_without_empty_ones(logs: Logs) -> None:
    write(logs, "hello", 0, "".join(f"line {n}\n\n" for n in range(50)))
    assert logs.tail("hello", 0, lines=2) == ("line 48", "line 49")
    assert logs.tail("hello", 1) == ()


def test_lines_name_their_source_and_a_unit_is_not_taken_for_another(logs: Logs) -> None:
    write(logs, "hello", 0, "one\n")
    write(logs, "hello-big", 0, "two\n")
    assert list(logs.lines()) == ["hello-0 | one\n", "hello-big-0 | two\n"]
    assert list(logs.lines(unit="hello")) == ["hello-0 | one\n"]


def test_a_request_is_found_in_every_log_and_in_the_old_ones(logs: Logs) -> None:
    (logs.folder / "access.log").write_text('{"id":"abc"}\n{"id":"xyz"}\n')
    (logs.folder / "access.log.1").write_text('{"id":"abc","old":1}\n')
    write(logs, "hello", 0, "abc failed\n")
    assert list(logs.lines(request="abc")) == [
        'access | {"id":"abc","old":1}\n',
        'access | {"id":"abc"}\n',
        "hello-0 | abc failed\n",
    ]


def test_following_gives_whole_lines_as_they_come_and_survives_a_cut(logs: Logs) -> None:
    write(logs, "hello", 0, "first\nhal")
    lines = logs.lines(follow=True)
    assert next(lines) == "hello-0 | first\n"
    assert next(lines) == "", "nothing new"
    write(logs, "hello", 0, "f a line\n")
    assert next(lines) == "hello-0 | half a line\n"
    (logs.folder / "hello-0.log").write_text("")
    assert next(lines) == ""
    write(logs, "hello", 0, "after\n")
    assert next(lines) == "hello-0 | after\n"
    assert next(lines) == ""


def test_following_goes_on_in_a_log_that_was_put_aside(logs: Logs) -> None:
    access = logs.folder / "access.log"
    access.write_text("one\n")
    lines = logs.lines(follow=True)
    assert next(lines) == "access | one\n"
    with access.open("a") as writer:
        writer.write("two\n")
        access.rename(f"{access}.1")
        writer.write("three\n")
    access.write_text("four\n")
    assert [next(lines), next(lines), next(lines)] == ["access | two\n", "access | three\n", "access | four\n"]
    assert next(lines) == ""


def test_more_readers_than_threads_follow_and_leave_nothing_behind(logs: Logs) -> None:
    write(logs, "hello", 0, "quiet\n")

    async def many() -> None:
        read = [as_they_come(logs.lines(follow=True, request="none of them")) for _ in range(60)]
        waiting = [asyncio.ensure_future(anext(one)) for one in read]
        await asyncio.sleep(0.3)
        write(logs, "hello", 0, "none of them comes\n")
        assert set(await asyncio.wait_for(asyncio.gather(*waiting), 20)) == {b"hello-0 | none of them comes\n"}
        for one in read:
            await one.aclose()

    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(many())
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_log_over_its_size_is_cut_while_its_writer_goes_on(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROTATE_AT_BYTES", 12)
    with logs.open("hello", 0) as log:
        log.write(b"a long first line\n")
        (logs.folder / "access.log").write_text("a long access line\n")
        logs.rotate()
        log.write(b"second\n")
    assert (logs.folder / "hello-0.log").read_text() == "second\n"
    assert (logs.folder / "hello-0.log.1").read_text() == "a long first line\n"
    assert (logs.folder / "access.log").exists(), "Envoy's are rotated by the gateway"


def test_logs_are_for_their_owner_alone(logs: Logs) -> None:
    write(logs, "hello", 0, "x\n")
    assert (logs.folder / "hello-0.log").stat().st_mode & 0o077 == 0
