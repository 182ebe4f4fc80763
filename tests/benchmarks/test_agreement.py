"""Are service times read off load pages as the replicas counted them?"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.agreement import Compared, Watched
from benchmarks.queue_model import Arrivals
from benchmarks.system import System
from longspan.wire.load import LoadPage
from longspan.wire.load.layout import DURATION, DURATION_SUM, STEP_COUNT, STEP_NANOSECONDS, WAITED

MS = 1_000_000


def work(page: LoadPage, count: int, run: int, waited: int, over: int) -> None:
    """So many requests more, each run and waited for so many milliseconds, and held `over` longer than both."""
    slots, step, end = page.slots, page.step("spin", "spin"), page.endpoint("spin")
    slots[step + STEP_COUNT] += count
    slots[step + STEP_NANOSECONDS] += count * run * MS
    slots[end + WAITED] += count * waited * MS
    slots[end + DURATION_SUM] += count * (run + waited + over) * MS
    slots[end + DURATION] += count


def test_each_window_has_its_own_time_and_the_handing_over_is_spread_over_all(tmp_path: Path) -> None:
    system = System(tmp_path)
    (system.state / "run" / "spin").mkdir(parents=True)
    pages = [
        LoadPage.create(str(system.state / "run" / "spin" / f"{slot}.load"), ["spin"], [("spin", "spin")])
        for slot in (0, 1)
    ]
    work(pages[0], 50, run=99, waited=9, over=9)
    watched = Watched(system, "spin")
    watched.look()
    work(pages[0], 3, run=20, waited=5, over=1)
    work(pages[1], 1, run=24, waited=0, over=1)
    watched.look()
    watched.look()
    work(pages[1], 4, run=30, waited=100, over=3)
    watched.look()
    for page in pages:
        page.close()
    (first, took), (second, later) = watched.windows()
    assert (first, second) == (4, 4)
    assert took == pytest.approx(0.021 + 0.002)
    assert later == pytest.approx(0.030 + 0.002)


def test_an_error_is_told_as_a_share_of_what_was_real_whichever_way_it_goes() -> None:
    one = Arrivals(name="x", at_seconds=(0.0,), service_seconds=(1.0,))
    found = Compared(replicas=1, service=1.0, waits=(0.02, 0.015), tails=(0.1, 0.11), arrivals=one)
    assert found.wait_error == pytest.approx(25)
    assert found.tail_error == pytest.approx(10)
