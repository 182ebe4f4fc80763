"""The doors of scaling on a real ledger and history: what is asked in words is answered in words, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from longspan.base.errors import Invalid, LongspanError
from longspan.capabilities.scaling.api import router
from longspan.client import scaling as messages
from longspan.system.database import open_database
from longspan.system.ledger import Ledger
from tests.capabilities.scaling.test_scaler import Life
from tests.capabilities.scaling.worlds import SECOND


class Doors:
    """Each route as a function, by its name."""

    def __init__(self, life: Life) -> None:
        self.knocks = 0
        routes = router(life.scaler, clock=lambda: life.now, knock=self.knock).routes
        self.named: dict[str, Any] = {route.endpoint.__name__: route.endpoint for route in routes}  # type: ignore[attr-defined]

    def knock(self) -> None:
        self.knocks += 1

    def __getattr__(self, name: str) -> Any:
        return self.named[name]


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    ledger = Ledger(open_database(tmp_path / "state.db"))
    yield Life(ledger)
    ledger.close()


def moment(life: Life, back: float) -> str:
    return datetime.fromtimestamp(life.now / SECOND - back, UTC).isoformat()


def test_a_moment_of_the_past_is_explained_by_the_decision_that_was_in_force(life: Life) -> None:
    life.tick(20)
    life.tick(4, in_flight=5)
    doors = Doors(life)
    (now,) = doors.explained("read", "")
    (before,) = doors.explained("read", moment(life, back=8))
    assert before.decision.reason.startswith("stays at 1: enough")
    assert before.changes == ()
    assert now.changes[-1].reason.startswith("1 -> ")
    (again,) = doors.explained("read", now.decision.at)
    assert again.decision == now.decision


@pytest.mark.parametrize("far", ["0001-01-01T00:00:00+14:00", "1969-07-20T20:17:00Z"])
def test_of_a_moment_before_all_that_was_recorded_nothing_is_known(life: Life, far: str) -> None:
    life.tick(3)
    with pytest.raises(LongspanError, match="nothing is recorded of read"):
        Doors(life).explained("read", far)


def test_a_moment_that_no_calendar_of_ours_reaches_is_one_to_come(life: Life) -> None:
    life.tick(3)
    (last,) = Doors(life).explained("read", "9999-12-31T23:59:59-14:00")
    assert last.decision == Doors(life).explained("read", "")[0].decision


def test_a_replay_that_goes_back_beyond_all_times_takes_what_there_is(life: Life) -> None:
    life.tick(30)
    order = messages.ReplayOrder(policy="scaling: {max: 4}", file="policy.yaml", since_seconds=999_999_999 * 86_400.0)
    assert Doors(life).replay("read", order).moments


def test_the_latest_decisions_are_there_for_whoever_watches(life: Life) -> None:
    life.tick(3)
    (latest,) = Doors(life).decisions()
    assert (latest.unit, latest.before, latest.after) == ("read", 1, 1)


def test_another_policy_is_tried_on_what_was_recorded(life: Life) -> None:
    life.tick(30)
    order = messages.ReplayOrder(policy="scaling: {min: 2, max: 4}", file="policy.yaml", since_seconds=3600)
    replayed = Doors(life).replay("read", order)
    assert [total.name for total in replayed.totals] == [
        "as recorded",
        "the same policy, modelled",
        "the other policy, modelled",
    ]
    assert replayed.decisions[0].reason == "1 -> 2: min is 2"
    assert {one.other_replicas for one in replayed.moments} == {2}


def test_what_makes_no_sense_is_refused_in_words(life: Life) -> None:
    life.tick(3)
    doors = Doors(life)
    order = messages.ReplayOrder(policy="scaling: {max: 0}", file="policy.yaml", since_seconds=3600)
    with pytest.raises(Invalid, match="policy.yaml:1:16: scaling.max is 0"):
        doors.replay("read", order)
    with pytest.raises(LongspanError, match="nothing is recorded of plain: it does not scale"):
        doors.explained("plain", "")
    with pytest.raises(LongspanError, match="'noon' is no moment"):
        doors.explained("read", "noon")
    with pytest.raises(LongspanError, match="names no time zone"):
        doors.explained("read", "2026-11-24T10:03:00")
    with pytest.raises(LongspanError, match="nothing is recorded of read at 2001"):
        doors.explained("read", "2001-01-01T00:00:00Z")


def test_who_holds_a_unit_wakes_the_next_trip(life: Life) -> None:
    doors = Doors(life)
    order = messages.ScaleOrder(unit="plain", replicas=3, for_seconds=60, author="ana@laptop")
    scaled = doors.scale(order)
    assert (scaled.before, scaled.replicas, doors.knocks) == (2, 3, 1)
    assert life.ledger.pins()["plain"].author == "ana@laptop"
    freed = doors.unscale("plain")
    assert (freed.before, freed.replicas, freed.until) == (3, 2, "")
    assert (life.ledger.pins(), doors.knocks) == ({}, 2)
