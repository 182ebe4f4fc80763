"""What is written down, how often, and what is found again, on real SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from longspan.base.errors import LongspanError
from longspan.capabilities.scaling.adapters.history import History
from longspan.capabilities.scaling.decide import Decision, Lesson, Room
from longspan.capabilities.scaling.decide.history import Noted, Record, due, recorded
from longspan.spec.hours import parse_hours
from longspan.spec.scaling import Policy, Raised
from longspan.system.database import open_database
from tests.capabilities.scaling.worlds import NOON, SECOND, seen

STAYS = Decision(replicas=1, reason="stays at 1: enough")
GROWS = Decision(replicas=2, reason="1 -> 2: because", signal="cpu", lesson=Lesson(1, 9.5, NOON))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = open_database(tmp_path / "state.db")
    yield made
    made.dispose()


def note(unit: str, second: int, decision: Decision = STAYS, before: int = 1) -> Noted:
    at = NOON + second * SECOND
    return Noted(unit, at, recorded([seen(at=second)], before, decision, Policy(max=4)))


def test_a_record_is_found_again_whole(engine: sa.Engine) -> None:
    policy = Policy(max=4, in_flight=8.0, schedules=(Raised(parse_hours("mon 08:00-09:00 UTC"), 2),))
    record = recorded(
        [seen(at=1), seen(at=2, arrivals=30.0)], 1, GROWS, policy,
        lessons=(Lesson(1, 9.5, NOON),), room=Room(3, "3 of 4 cores are granted"), held="held by ana", digest="abc",
    )  # fmt: skip
    assert record.seen is not None
    assert (record.seen.span, record.seen.arrivals) == (2.0, 20.0)
    history = History(engine)
    history.note(Noted("read", NOON, record))
    assert history.at("read", NOON) == Noted("read", NOON, record)
    assert History(engine).last() == {"read": Noted("read", NOON, record)}


def test_the_record_of_a_moment_is_the_last_until_then(engine: sa.Engine) -> None:
    history = History(engine)
    for second in (10, 20, 30):
        history.note(note("read", second))
    history.note(note("other", 25))
    found = history.at("read", NOON + 29 * SECOND)
    assert found is not None
    assert found.at == NOON + 20 * SECOND
    assert history.at("read", NOON) is None
    assert [one.at for one in history.between("read", NOON + 15 * SECOND, NOON + 99 * SECOND)] == [
        NOON + 20 * SECOND,
        NOON + 30 * SECOND,
    ]
    assert history.units() == {"read", "other"}


def test_changes_are_found_newest_first(engine: sa.Engine) -> None:
    history = History(engine)
    for second in range(20):
        history.note(note("read", second, GROWS if second % 5 == 0 else STAYS))
    found = history.changes("read", NOON + 12 * SECOND, 2)
    assert [one.at for one in found] == [NOON + 10 * SECOND, NOON + 5 * SECOND]


def test_all_that_is_noted_goes_down_in_one_transaction(engine: sa.Engine) -> None:
    commits: list[object] = []
    sa.event.listen(engine, "commit", commits.append)
    history = History(engine)
    for unit in range(200):
        history.note(note(f"unit-{unit}", 1))
    history.write()
    history.write()
    assert len(commits) == 1


def test_no_more_than_a_stated_number_is_kept_and_the_oldest_go(engine: sa.Engine) -> None:
    history = History(engine, most=50)
    for second in range(200):
        history.note(note("read", second))
        history.write()
    kept = history.between("read", NOON, NOON + 999 * SECOND)
    assert 50 <= len(kept) < 75
    assert kept[-1].at == NOON + 199 * SECOND


def test_a_record_of_another_version_is_passed_over(engine: sa.Engine) -> None:
    history = History(engine)
    history.note(note("read", 1))
    history.write()
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO scaling VALUES ('read', :at, :row)"), {"at": NOON * 2, "row": b"{}"})
    assert [one.at for one in history.between("read", 0, NOON * 3)] == [NOON + SECOND]
    assert history.last() == {}


def test_a_change_is_written_down_at_once_and_the_ordinary_every_few_seconds() -> None:
    assert due([], 1, STAYS, None)
    assert due([seen()], 1, GROWS, STAYS)
    assert not due([seen()] * 4, 1, STAYS, STAYS)
    assert due([seen()] * 5, 1, STAYS, STAYS)


def test_of_a_unit_without_requests_little_is_written_down() -> None:
    idle = seen(arrivals=0.0, in_flight=0.0)
    assert not due([idle] * 59, 1, STAYS, STAYS)
    assert due([idle] * 60, 1, STAYS, STAYS)
    assert due([idle] * 4 + [seen()], 1, STAYS, STAYS)


def test_a_record_knows_whether_it_is_a_change() -> None:
    assert Record(before=1, decision=GROWS, policy=Policy()).changed
    assert not Record(before=1, decision=STAYS, policy=Policy()).changed


def test_what_there_is_no_room_for_is_kept_in_mind_and_does_not_keep_anybody_from_reading(engine: sa.Engine) -> None:
    history = History(engine)
    history.note(note("read", 10))
    history.write()
    room_for(engine, 1)
    for second in range(20, 220):
        history.note(note("read", second))
    with pytest.raises(LongspanError, match="cannot be written"):
        history.write()
    assert [one.at for one in history.between("read", 0, NOON + 999 * SECOND)] == [NOON + 10 * SECOND]
    room_for(engine, 1 << 20)
    assert len(history.between("read", 0, NOON + 999 * SECOND)) == 201


def room_for(engine: sa.Engine, pages: int) -> None:
    """SQLite lets the file grow to so many, as far as this engine's one connection goes."""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
