"""Eyes and hands on a real ledger: counts are written down, pins are kept, and a new control goes on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from longspan.base.errors import LongspanError, Refused
from longspan.capabilities.scaling import run
from longspan.capabilities.scaling.adapters import Scaler
from longspan.capabilities.scaling.decide import Budget
from longspan.spec.load import load_text
from longspan.spec.units import Pins, Unit
from longspan.system.database import open_database
from longspan.system.ledger import Ledger
from longspan.system.records import Accepted, Count, Generation, Pin, Replica, Sample, Slot, Wanted
from longspan.wire.orders import Described, Work
from tests.capabilities.scaling.test_sight import page
from tests.capabilities.scaling.worlds import NOON, SECOND

FILE = """
system: {name: a}
services:
  read: {scaling: {min: 1, max: 4, in_flight: 2, panic_window: 2s, calm: 4s}, steps: {one: {run: "steps:one"}}}
  plain: {replicas: 2, steps: {one: {run: "steps:one"}}}
"""


def unit(name: str, replicas: int, cpu: float = 1.0) -> Unit:
    work = Work(unit=name, cpu=cpu)
    return Unit(work=work, digest=work.digest(), replicas=replicas, ready_within_seconds=1, settle_seconds=0)


UNITS = (unit("plain", 2), unit("read", 1))


class Machine(msgspec.Struct, frozen=True):
    cores: float = 8.0
    memory_bytes: int = 1 << 33


class Life:
    """A system of two units; its clocks are turned by hand, and the one on the wall can be set."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.seconds, self.set_by, self.done = ledger, 0.0, 0.0, 0
        self.machine = Machine()
        self.begin()
        system = load_text(FILE, "f").system.canonical()
        accepted = Accepted(system=system, described=Described(), pins=Pins())
        ledger.serve(ledger.accept(accepted, author="ada", at=1).number, at=2)

    def begin(self) -> None:
        """A new control."""
        self.scaler = Scaler(self.ledger, lambda _: UNITS, lambda: self.machine, clock=lambda: 1000.0 + self.seconds)

    @property
    def now(self) -> int:
        return NOON + round((self.seconds + self.set_by) * SECOND)

    def tick(self, times: int = 1, *, rate: int = 10, in_flight: int = 0) -> None:
        for _ in range(times):
            self.seconds += 1.0
            self.done += rate
            units = self.scaler.counted(self.now)
            (read,) = [one for one in units if one.name == "read"]
            replicas, samples = [], []
            for slot in range(read.replicas):
                known = Slot(unit="read", slot=slot, replica=f"r{slot}", generation=1, digest=read.digest, since=1)
                replicas.append(Replica(slot=known, state="ready", pid=1))
                load = page(ok=self.done, begun=self.done, in_flight=in_flight, started=NOON)
                samples.append(Sample(unit="read", slot=slot, replica=f"r{slot}", at=self.now, load=load))
            run.tick(self.scaler.look(self.current, self.wanted(units), replicas, samples, self.now), self.scaler)

    def wanted(self, units: list[Unit]) -> list[Wanted]:
        return [Wanted(unit=one, generation=1) for one in units]

    @property
    def current(self) -> Generation:
        found = self.ledger.current()
        assert found is not None
        return found


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    ledger = Ledger(open_database(tmp_path / "state.db"))
    yield Life(ledger)
    ledger.close()


def test_a_count_is_written_down_with_its_reason_and_recorded(life: Life) -> None:
    life.tick(4, in_flight=5)
    count = life.ledger.counts()["read"]
    assert (count.replicas, count.at) == (3, life.now - SECOND)
    assert count.reason == "1 -> 3: requests in flight 5.0 over the last 2 s need 3 at 2 each"
    (change,) = life.scaler.history.changes("read", life.now, 9)
    assert (change.at, change.record.before, change.record.decision.replicas) == (count.at, 1, 3)
    assert "plain" not in life.ledger.counts()


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
def test_a_clock_that_is_set_makes_no_window_longer_or_shorter(life: Life, seconds: float) -> None:
    life.tick(1, in_flight=5)
    life.set_by = seconds
    life.tick(1, in_flight=5)
    assert "read" not in life.ledger.counts(), "one second is no panic window"
    life.tick(1, in_flight=5)
    assert life.ledger.counts()["read"].replicas == 3
    life.set_by = 0.0
    life.tick(3)
    assert life.ledger.counts()["read"].replicas == 3, "three seconds are no calm time"


def test_trips_that_come_quickly_are_one_tick(life: Life) -> None:
    life.tick(3)
    units = life.scaler.counted(life.now)
    life.seconds += 0.2
    assert life.scaler.look(life.current, life.wanted(units), [], [], life.now).units() == ()


def test_a_new_control_goes_on_with_what_was_learnt_and_takes_nothing_away_before_it_has_seen_enough(
    life: Life,
) -> None:
    life.tick(4, in_flight=5)
    life.tick(3)
    assert life.ledger.counts()["read"].replicas == 3
    life.begin()
    life.tick(4)
    assert life.ledger.counts()["read"].replicas == 3
    (latest,) = life.scaler.latest().values()
    assert [(one.replicas, one.rate > 0) for one in latest.record.lessons] == [(1, True)]
    life.tick(3)
    assert life.ledger.counts()["read"].replicas == 2


def test_a_unit_without_pages_is_never_scaled_in(life: Life) -> None:
    life.ledger.want(Count(unit="read", replicas=3, reason="", at=1))
    units = life.scaler.counted(life.now)
    for _ in range(30):
        life.seconds += 1
        run.tick(life.scaler.look(life.current, life.wanted(units), [], [], life.now), life.scaler)
    assert life.ledger.counts()["read"].replicas == 3
    assert life.scaler.latest()["read"].record.decision.reason == "stays at 3: no replica is ready"


def test_a_pin_holds_until_its_end_and_the_plan_says_so(life: Life) -> None:
    before, pin = run.hold(life.scaler, "read", 2, seconds=10, author="ana@laptop", now=life.now)
    assert (before, pin.until - life.now) == (1, 10 * SECOND)
    (line,) = life.scaler.notes(life.now)
    assert line.startswith("read is held at 2 by ana@laptop until ")
    assert line.endswith("; the file says 1")
    life.tick(6, in_flight=9)
    assert life.scaler.latest()["read"].record.decision.signal == "pin"
    assert life.ledger.counts()["read"].replicas == 2
    life.tick(6, in_flight=9)
    assert life.ledger.counts()["read"].replicas > 2
    assert life.scaler.notes(life.now)[0].startswith("read is scaled to ")


def test_a_pin_that_ends_lets_the_load_decide_from_what_it_held_and_fewer_come_no_faster_than_ever(life: Life) -> None:
    run.hold(life.scaler, "read", 6, seconds=10, author="ana", now=life.now)
    life.tick(9)
    assert [one.replicas for one in life.scaler.counted(life.now)] == [2, 6]
    life.begin()  # whoever was control when it ended
    life.tick(2)
    assert life.scaler.notes(life.now)[0].startswith("read is scaled to 4 (was held at 6 by ana until "), "max is 4"
    counts = []
    for _ in range(9):
        life.tick()
        counts.append(life.ledger.counts()["read"].replicas)
    assert (counts[0], counts[-1]) == (4, 2), "one after each calm time of 4 s"
    assert all(0 <= before - after <= 1 for before, after in pairwise(counts))


def test_letting_go_is_at_once(life: Life) -> None:
    run.hold(life.scaler, "plain", 3, seconds=60, author="ana", now=life.now)
    assert [one.replicas for one in life.scaler.counted(life.now)] == [3, 1]
    run.release(life.scaler, "plain", life.now)
    assert [one.replicas for one in life.scaler.counted(life.now)] == [2, 1]
    assert life.scaler.notes(life.now) == ()


def test_a_pin_of_a_unit_that_is_gone_is_told_and_can_be_let_go(life: Life) -> None:
    life.ledger.pin(Pin(unit="read.gone", replicas=3, author="ana", at=life.now, until=life.now + 60 * SECOND))
    (line,) = life.scaler.notes(life.now)
    assert line.startswith("read.gone is held at 3 by ana until ")
    assert line.endswith("; it is no unit now")
    assert run.release(life.scaler, "read.gone", life.now) == (0, 0)
    assert life.scaler.notes(life.now) == ()
    with pytest.raises(LongspanError, match=r"there is no unit read\.gone"):
        run.release(life.scaler, "read.gone", life.now)


@pytest.mark.parametrize(
    ("name", "replicas", "seconds", "error", "told"),
    [
        ("reed", 2, 60, LongspanError, "there is no unit reed. Did you mean read?"),
        ("read", 0, 60, Refused, "read cannot be held at 0 replicas. Give 1 to 64"),
        ("read", 65, 60, Refused, "read cannot be held at 65 replicas"),
        ("read", 2, 0.5, Refused, "read cannot be held for 0.5 s"),
        ("read", 2, float("inf"), Refused, "read cannot be held for inf s"),
        ("read", 2, float("nan"), Refused, "read cannot be held for nan s"),
        ("read", 7, 60, Refused, "replicas are granted 9 of 8 cores"),
    ],
)
def test_what_cannot_be_held_is_refused_and_nothing_is_touched(
    life: Life, name: str, replicas: int, seconds: float, error: type[LongspanError], told: str
) -> None:
    with pytest.raises(error) as raised:
        run.hold(life.scaler, name, replicas, seconds=seconds, author="ana", now=life.now)
    assert told in str(raised.value)
    assert life.ledger.pins() == {}


def test_it_never_grows_beyond_what_the_machine_can_grant(life: Life) -> None:
    life.machine = Machine(cores=4.0)
    life.tick(10, in_flight=9)
    assert life.ledger.counts()["read"].replicas == 2
    reason = life.scaler.latest()["read"].record.decision.reason
    assert reason.endswith("the machine has no room for a third: 4 of 4 cores are granted")


def test_a_budget_counts_what_is_granted_together() -> None:
    budget = Budget(4.0, 4 << 30).after(1.0, 1 << 30, 2)
    room = budget.room(1.0, 0, 1)
    assert room is not None
    assert (room.replicas, room.why) == (3, "2 of 4 cores are granted")
    room = budget.room(0.1, 3 << 30, 1)
    assert room is not None
    assert (room.replicas, room.why) == (1, "2GiB of 4GiB of memory are granted")
    assert budget.room(0.0, 0, 1) is None
