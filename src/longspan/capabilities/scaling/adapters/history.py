"""The table of what was seen and concluded: many rows in one transaction, and no more than a stated number."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterable

import msgspec
import sqlalchemy as sa
from sqlalchemy import Engine

from longspan.base.errors import LongspanError
from longspan.capabilities.scaling.decide.history import MOST_RECORDS, Noted, Record

_log = logging.getLogger(__name__)

_TABLE = sa.Table(
    "scaling",
    sa.MetaData(),
    sa.Column("unit", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, primary_key=True),
    sa.Column("record", sa.LargeBinary),
)
_UPSERT = "INSERT OR REPLACE INTO scaling (unit, at, record) VALUES (?, ?, ?)"
_OLDEST_GO_EVERY = 20
"""Transactions between two looks at how many there are."""
_MOST_READ = 20_000
_MOST_WAITING = 10_000
"""Records that are kept in mind while they cannot be written, the newest."""


class History:
    """The records of one system. The API's threads read while the trips write."""

    def __init__(self, engine: Engine, *, most: int = MOST_RECORDS) -> None:
        """`most`: records that are kept."""
        self._engine, self._most = engine, most
        self._decode = msgspec.json.Decoder(Record).decode
        self._lock = threading.Lock()
        self._waiting: list[Noted] = []
        self._written = 0

    def note(self, noted: Noted) -> None:
        """Keep it in mind; `write` puts it down."""
        with self._lock:
            self._waiting.append(noted)

    def write(self) -> None:
        """All that is noted, in one transaction: one fsync. What cannot be written is kept in mind; raises
        `LongspanError`."""
        with self._lock:
            rows, self._waiting = self._waiting, []
        if not rows:
            return
        encode = msgspec.json.encode
        try:
            with self._engine.begin() as connection:
                connection.exec_driver_sql(_UPSERT, [(one.unit, one.at, encode(one.record)) for one in rows])
                if self._written % _OLDEST_GO_EVERY == 0:
                    self._forget(connection)
        except LongspanError:
            with self._lock:
                self._waiting = [*rows, *self._waiting][-_MOST_WAITING:]
            raise
        self._written += 1

    def at(self, unit: str, at: int) -> Noted | None:
        """The last record of the unit until then."""
        return self._first(_TABLE.c.unit == unit, _TABLE.c.at <= at)

    def changes(self, unit: str, until: int, most: int) -> list[Noted]:
        """The last changes of its count until then, newest first."""
        found = []
        for noted in self._read(sa.and_(_TABLE.c.unit == unit, _TABLE.c.at <= until), newest_first=True):
            if noted.record.changed:
                found.append(noted)
                if len(found) == most:
                    break
        return found

    def between(self, unit: str, since: int, until: int) -> list[Noted]:
        """Its records of a time, oldest first: the newest of them where there are very many."""
        where = sa.and_(_TABLE.c.unit == unit, _TABLE.c.at >= since, _TABLE.c.at <= until)
        return sorted(self._read(where, newest_first=True), key=lambda noted: noted.at)

    def last(self) -> dict[str, Noted]:
        """The last record of each unit."""
        newest = sa.select(_TABLE.c.unit, sa.func.max(_TABLE.c.at).label("at")).group_by(_TABLE.c.unit).subquery()
        query = sa.select(_TABLE).join(newest, sa.and_(_TABLE.c.unit == newest.c.unit, _TABLE.c.at == newest.c.at))
        with self._engine.connect() as connection:
            found = {row.unit: row for row in connection.execute(query)}
        known = {}
        for unit, row in found.items():
            if (noted := self._noted(row)) is not None:
                known[unit] = noted
        return known

    def units(self) -> set[str]:
        """Of whom there are records."""
        self._write_if_possible()
        with self._engine.connect() as connection:
            return set(connection.scalars(sa.select(_TABLE.c.unit).distinct()))

    def _first(self, *where: sa.ColumnElement[bool]) -> Noted | None:
        return next(iter(self._read(sa.and_(*where), newest_first=True, most=1)), None)

    def _read(self, where: sa.ColumnElement[bool], *, newest_first: bool, most: int = _MOST_READ) -> Iterable[Noted]:
        self._write_if_possible()
        order = _TABLE.c.at.desc() if newest_first else _TABLE.c.at
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_TABLE).where(where).order_by(order).limit(most)).all()
        return (noted for row in rows if (noted := self._noted(row)) is not None)

    def _write_if_possible(self) -> None:
        """What stands in the table can be read also when there is no room for more."""
        with contextlib.suppress(LongspanError):
            self.write()

    def _noted(self, row: sa.Row[tuple[str, int, bytes]]) -> Noted | None:
        try:
            return Noted(row.unit, row.at, self._decode(row.record))
        except msgspec.MsgspecError as error:
            # Of another version: what cannot be told is passed over, and goes with time.
            _log.debug("a record of %s at %d is not understood: %s", row.unit, row.at, error)
            return None

    def _forget(self, connection: sa.Connection) -> None:
        """Drop the oldest beyond `most`."""
        count = connection.scalar(sa.select(sa.func.count()).select_from(_TABLE)) or 0
        if count > self._most:
            oldest = sa.select(_TABLE.c.at).order_by(_TABLE.c.at).offset(count - self._most).limit(1).scalar_subquery()
            connection.execute(_TABLE.delete().where(_TABLE.c.at < oldest))
