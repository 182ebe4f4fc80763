"""The ledger on real SQLite: numbered generations, one pending, one serving, slots, facts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from longspan.base.errors import LongspanError, Refused
from longspan.spec.units import Pins
from longspan.system.database import open_database
from longspan.system.ledger import Ledger
from longspan.system.records import Accepted, Slot
from longspan.wire.orders import Described

ACCEPTED = Accepted(system={"system": {"name": "hello"}}, described=Described(), pins=Pins(code="c0de"))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    kept = Ledger(open_database(tmp_path / "state.db"))
    yield kept
    kept.close()


def test_generations_are_numbered_from_one_and_know_their_parent(ledger: Ledger) -> None:
    first = ledger.accept(ACCEPTED, author="ada", at=1)
    ledger.serve(first.number, at=2)
    second = ledger.accept(ACCEPTED, author="ada", at=3)
    assert (first.number, first.parent, second.number, second.parent) == (1, None, 2, 1)


def test_what_was_accepted_comes_back_as_it_was(ledger: Ledger) -> None:
    ledger.accept(ACCEPTED, author="ada", at=1)
    pending = ledger.pending()
    assert pending is not None
    assert pending.accepted == ACCEPTED


def test_serving_replaces_the_one_before(ledger: Ledger) -> None:
    for at in (1, 2):
        ledger.serve(ledger.accept(ACCEPTED, author="ada", at=at).number, at=at)
    assert [(g.number, g.state) for g in ledger.generations()] == [(2, "serving"), (1, "replaced")]


def test_a_failed_generation_leaves_its_parent_serving_and_keeps_its_reason(ledger: Ledger) -> None:
    ledger.serve(ledger.accept(ACCEPTED, author="ada", at=1).number, at=1)
    ledger.fail(ledger.accept(ACCEPTED, author="ada", at=2).number, "replica died", ("line 1", "line 2"))
    current, failed = ledger.current(), ledger.generation(2)
    assert current is not None
    assert current.number == 1
    assert failed is not None
    assert (failed.reason, failed.last_log) == ("replica died", ("line 1", "line 2"))


def test_a_second_apply_is_refused_while_one_is_pending(ledger: Ledger) -> None:
    ledger.accept(ACCEPTED, author="ada", at=1)
    with pytest.raises(Refused, match="generation 1 is still on its way"):
        ledger.accept(ACCEPTED, author="bob", at=2)


def test_an_apply_planned_on_another_generation_is_refused(ledger: Ledger) -> None:
    ledger.serve(ledger.accept(ACCEPTED, author="ada", at=1).number, at=1)
    with pytest.raises(Refused, match="the current generation is 1, not 7"):
        ledger.accept(ACCEPTED, author="ada", at=2, on=7)


def test_of_applies_at_the_same_moment_one_is_accepted(ledger: Ledger) -> None:
    def apply(number: int) -> bool:
        try:
            ledger.accept(ACCEPTED, author=str(number), at=number)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(apply, range(8))) == 1


def test_a_verdict_on_a_generation_that_is_no_more_pending_changes_nothing(ledger: Ledger) -> None:
    ledger.serve(ledger.accept(ACCEPTED, author="ada", at=1).number, at=1)
    ledger.fail(1, "too late", ())
    current = ledger.current()
    assert current is not None
    assert current.reason == ""


def test_slots_and_facts_are_kept_replaced_and_forgotten(ledger: Ledger) -> None:
    slot = Slot(unit="hello", slot=0, replica="r1", generation=1, digest="d", since=1)
    ledger.keep(slot)
    ledger.keep(Slot(unit="hello", slot=0, replica="r2", generation=1, digest="d", since=2, ready_at=3))
    assert [(s.replica, s.ready_at) for s in ledger.slots()] == [("r2", 3)]
    ledger.forget(slot)
    assert ledger.slots() == []
    ledger.remember("port", "8080")
    ledger.remember("port", "8081")
    assert ledger.fact("port") == "8081"


def test_a_commit_is_on_the_disk_before_it_returns(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "state.db")
    with engine.connect() as connection:
        # 2 is FULL: sqlite3 fsyncs the WAL at every commit (sqlite.org, PRAGMA synchronous).
        assert connection.scalar(sa.text("PRAGMA synchronous")) == 2
        assert connection.scalar(sa.text("PRAGMA journal_mode")) == "wal"
    engine.dispose()
    assert (tmp_path / "state.db").stat().st_mode & 0o077 == 0


def test_a_state_of_a_newer_longspan_is_refused_in_words(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "state.db")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(LongspanError, match="written by a newer Longspan"):
        open_database(tmp_path / "state.db")


def test_what_there_is_no_room_for_is_told_in_words_changes_nothing_and_can_be_written_later(ledger: Ledger) -> None:
    ledger.remember("port", "1")
    with ledger.engine.connect() as connection:  # the one that the next transaction has
        # A file that may not grow is as good as a disk that is full: SQLite says the same.
        connection.exec_driver_sql("PRAGMA max_page_count=1")
    with pytest.raises(LongspanError, match="cannot be written: .* full.*Make room on the disk"):
        ledger.remember("port", "2" * 100_000)
    assert ledger.fact("port") == "1"
    ledger.remember("port", "3")
    assert ledger.fact("port") == "3"


HARDLY = """\
import resource, sys
from pathlib import Path
from longspan.base.errors import LongspanError
from longspan.system.database import open_database

for number, most in enumerate(range(20_000, 150_000, 10_000)):
    path = Path(sys.argv[1], f"{number}.db")
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    try:
        open_database(path).dispose()
    except LongspanError:
        print("no room")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    open_database(path).dispose()
"""


def test_a_ledger_that_there_was_no_room_to_make_is_made_later_wherever_that_stopped(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HARDLY, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert 1 < done.stdout.count("no room") < 13, "from far too little to just enough"
