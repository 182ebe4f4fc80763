"""Deaths are counted for each generation: what was before it is not its fault."""

from __future__ import annotations

from longspan.capabilities.replicas.decide import SECOND, Start, trip
from longspan.spec.units import Unit
from longspan.system.records import Replica, Slot, Wanted
from longspan.wire.orders import Work

NOW = 1_000 * SECOND
UNIT = Unit(work=Work(unit="hello"), digest="same", replicas=1, ready_within_seconds=60, settle_seconds=10)


def started(of: int) -> Slot:
    """The slot as it is written for the next start in generation 2, when one of generation `of` has died there."""
    slot = Slot(
        unit="hello", slot=0, replica="r", generation=of, digest="same", since=NOW - SECOND, died_at=NOW, restarts=3,
        quick_deaths=1,
    )  # fmt: skip
    left = Replica(slot=slot, state="dead")
    (move,) = trip([Wanted(unit=UNIT, generation=2)], [left], frozenset({slot.address}), NOW).moves
    assert isinstance(move, Start)
    return move.slot


def test_what_an_earlier_generation_has_left_dead_starts_with_no_deaths_to_its_name() -> None:
    assert (started(of=1).restarts, started(of=2).restarts) == (0, 3)


def test_the_wait_for_the_next_start_grows_with_all_of_them() -> None:
    assert (started(of=1).quick_deaths, started(of=2).quick_deaths) == (1, 1)
