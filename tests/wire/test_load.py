"""The load page: counted in one process, read from another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longspan.base.errors import LongspanError
from longspan.wire import load
from longspan.wire.load import Load, LoadPage, layout

STEPS = [("hello", "prepare"), ("hello", "tiny"), ("tiny", "tiny")]


@pytest.fixture
def page_path(tmp_path: Path) -> str:
    return str(tmp_path / "0.load")


def test_what_is_counted_is_read(page_path: str) -> None:
    page = LoadPage.create(page_path, ["hello", "tiny"], STEPS)
    slots, at = page.slots, page.endpoint("tiny")
    slots[at + layout.STATUS_SLOT[200]] += 2
    slots[at + layout.STATUS_SLOT.get(302, layout.OTHER_STATUS)] += 1
    slots[at + layout.IN_FLIGHT] = 5
    slots[at + layout.QUEUED] = 4
    slots[at + layout.REFUSED] = 3
    slots[at + layout.TIMEOUTS] = 2
    slots[at + layout.CANCELLED] = 1
    slots[at + layout.BYTES_IN] = 1 << 40
    slots[at + layout.BYTES_OUT] = 7
    for nanoseconds in (1, 60_000, 3_600_000_000_000):
        slots[at + layout.DURATION + load.bucket(nanoseconds)] += 1
        slots[at + layout.DURATION_SUM] += nanoseconds
    step = page.step("hello", "tiny")
    slots[step + layout.STEP_COUNT], slots[step + layout.STEP_NANOSECONDS] = 6, 1_500_000_000
    slots[step + layout.STEP_ROWS], slots[step + layout.STEP_BATCHES], slots[step + layout.STEP_ERRORS] = 9, 4, 1
    slots[page.process + layout.CPU_NANOSECONDS] = 2_000_000_000
    slots[page.process + layout.STARTED] = 1_764_000_000_000_000_000
    slots[page.process + layout.READY] = 1
    slots[page.process + layout.CONNECTIONS] = 8
    seen = load.read(page_path)
    page.close()
    assert seen is not None
    hello, tiny = seen.endpoints
    assert (hello.name, hello.requests, hello.duration_count) == ("hello", {}, 0)
    assert tiny.requests == {200: 2, 0: 1}
    assert (tiny.in_flight, tiny.queued, tiny.refused, tiny.timeouts, tiny.cancelled) == (5, 4, 3, 2, 1)
    assert (tiny.bytes_in, tiny.bytes_out) == (1 << 40, 7)
    assert tiny.duration_count == 3
    assert tiny.duration_sum_seconds == pytest.approx(3600.000060001)
    assert (tiny.duration_buckets[0], tiny.duration_buckets[1], tiny.duration_buckets[-1]) == (1, 1, 1)
    assert seen.steps[1] == load.StepLoad(
        endpoint="hello", step="tiny", count=6, seconds=1.5, rows=9, batches=4, errors=1
    )
    assert (seen.cpu_seconds, seen.started, seen.ready, seen.connections) == (2.0, 1_764_000_000_000_000_000, True, 8)


def test_a_page_of_very_many_steps_is_read_whole(page_path: str) -> None:
    names = [("hello", f"step-{number}") for number in range(2_000)]
    page = LoadPage.create(page_path, ["hello"], names)
    page.slots[page.step(*names[-1]) + layout.STEP_COUNT] = 7
    seen = load.read(page_path)
    page.close()
    assert seen is not None
    assert [(one.endpoint, one.step) for one in seen.steps] == names
    assert seen.steps[-1].count == 7


def test_another_process_reads_while_it_is_counted(page_path: str) -> None:
    counting = (
        "import sys; from longspan.wire.load import LoadPage; from longspan.wire.load.layout import REFUSED\n"
        "page = LoadPage.create(sys.argv[1], ['a'], [])\n"
        "page.slots[page.endpoint('a') + REFUSED] = 41; print('counted', flush=True); sys.stdin.read()\n"
        "page.slots[page.endpoint('a') + REFUSED] += 1; print('counted', flush=True); sys.stdin.close()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", counting, page_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == b"counted\n"
        assert _refused(load.read(page_path)) == 41
        child.stdin.close()
        assert child.stdout.readline() == b"counted\n"
        assert _refused(load.read(page_path)) == 42
    assert _refused(load.read(page_path)) == 42  # the file outlives its writer


def _refused(seen: Load | None) -> int:
    assert seen is not None
    return seen.endpoints[0].refused


def test_a_new_worker_takes_over_the_file_and_starts_from_nothing(page_path: str) -> None:
    old = LoadPage.create(page_path, ["a", "b", "c"], STEPS)
    old.slots[old.endpoint("a") + layout.REFUSED] = 9
    new = LoadPage.create(page_path, ["other"], [])
    seen = load.read(page_path)
    assert seen is not None
    assert [(one.name, one.refused) for one in seen.endpoints] == [("other", 0)]
    old.slots[len(old.slots) - 1] = 1  # the file was not cut under whoever still maps it
    old.close()
    new.close()


def test_there_may_be_no_page(page_path: str) -> None:
    assert load.read(page_path) is None


@pytest.mark.parametrize("length", [0, 7, 8, 16, 40, 200])
def test_a_page_half_made_is_none(page_path: str, length: int) -> None:
    LoadPage.create(page_path, ["a"], []).close()
    whole = Path(page_path).read_bytes()
    assert load.parse(bytes(length)) is None
    assert load.parse(bytes(8) + whole[8:]) is None
    assert load.parse(whole[:-8]) is None


def test_a_foreign_file_is_an_error_that_names_it(page_path: str) -> None:
    Path(page_path).write_bytes(b"#!/bin/sh\necho something else\n")
    with pytest.raises(LongspanError, match=r"0\.load: is no load page of this version"):
        load.read(page_path)


@given(st.binary(max_size=64), st.booleans())
def test_any_bytes_are_none_or_a_clear_error(content: bytes, marked: bool) -> None:
    try:
        assert load.parse(layout.MAGIC + content if marked else content) is None
    except LongspanError as error:
        assert "load page" in str(error)  # noqa: PT017 - either outcome is right; any other is the failure


@given(st.integers(0, 10**13))
def test_a_duration_lies_in_the_first_bucket_that_holds_it(nanoseconds: int) -> None:
    index = load.bucket(nanoseconds)
    seconds = nanoseconds / 1e9
    assert index == len(load.BOUNDS_SECONDS) or seconds <= load.BOUNDS_SECONDS[index]
    assert index == 0 or seconds > load.BOUNDS_SECONDS[index - 1]


def test_buckets_are_labelled_as_prometheus_does() -> None:
    assert load.bucket_labels()[:4] == ("5e-05", "0.0001", "0.0002", "0.0005")
    assert load.bucket_labels()[-2:] == ("50", "+Inf")
    assert len(load.bucket_labels()) == len(load.BOUNDS_SECONDS) + 1


def test_a_load_is_a_value_that_goes_as_json(page_path: str) -> None:
    LoadPage.create(page_path, ["a"], [("a", "s")]).close()
    seen = load.read(page_path)
    assert msgspec.json.decode(msgspec.json.encode(seen), type=Load) == seen
