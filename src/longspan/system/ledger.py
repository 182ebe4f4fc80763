"""What control has written down: generations, slots, counts of replicas, and a few facts.

Control alone writes here. Each method is one transaction; what it returns are the values of
`system.records`. A generation's content never changes; only how it fares does.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy import Engine

from longspan.system.records import Accepted, Count, Generation, Pin, Slot, must_be_alone, must_be_current

_META = sa.MetaData()
_GENERATIONS = sa.Table(
    "generations",
    _META,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("parent", sa.Integer),
    sa.Column("author", sa.Text),
    sa.Column("at", sa.BigInteger),
    sa.Column("accepted", sa.LargeBinary),
    sa.Column("state", sa.Text),
    sa.Column("ready_at", sa.BigInteger),
    sa.Column("served_at", sa.BigInteger),
    sa.Column("reason", sa.Text),
    sa.Column("last_log", sa.Text),
)
_SLOTS = sa.Table(
    "slots",
    _META,
    sa.Column("unit", sa.Text, primary_key=True),
    sa.Column("slot", sa.Integer, primary_key=True),
    *(sa.Column(name, sa.Text) for name in ("replica", "digest")),
    *(
        sa.Column(name, sa.BigInteger)
        for name in ("generation", "since", "ready_at", "stopping_at", "died_at", "restarts", "quick_deaths", "port")
    ),
)
_COUNTS = sa.Table(
    "counts",
    _META,
    sa.Column("unit", sa.Text, primary_key=True),
    sa.Column("replicas", sa.Integer),
    sa.Column("reason", sa.Text),
    sa.Column("at", sa.BigInteger),
)
_PINS = sa.Table(
    "pins",
    _META,
    sa.Column("unit", sa.Text, primary_key=True),
    sa.Column("replicas", sa.Integer),
    sa.Column("author", sa.Text),
    sa.Column("at", sa.BigInteger),
    sa.Column("until", sa.BigInteger),
)
_FACTS = sa.Table("facts", _META, sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.Text))


_AT_HAND = 16
"""Generations whose content is kept decoded."""


class Ledger:
    """The ledger on one engine of `system.database`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._accepted: dict[int, Accepted] = {}

    @property
    def engine(self) -> Engine:
        """Of the same database, for a table that one capability alone knows."""
        return self._engine

    def close(self) -> None:
        """Write the journal back into the file, so that the database is one file again."""
        self._engine.dispose()

    # Generations

    def generation(self, number: int) -> Generation | None:
        """The generation of that number, or None."""
        found = self._generations(_GENERATIONS.c.number == number)
        return found[0] if found else None

    def current(self) -> Generation | None:
        """The generation that serves, or None before the first has."""
        found = self._generations(_GENERATIONS.c.state == "serving")
        return found[0] if found else None

    def pending(self) -> Generation | None:
        """The generation that is on its way, or None."""
        found = self._generations(_GENERATIONS.c.state == "pending")
        return found[0] if found else None

    def generations(self, limit: int = 100) -> list[Generation]:
        """The newest `limit` generations, newest first."""
        return self._generations(sa.true(), limit)

    def accept(self, accepted: Accepted, *, author: str, at: int, on: int | None = None) -> Generation:
        """Write the next generation as pending and return it.

        Raises `Refused` while another is pending, or when `on` is given and is not the current one.
        """
        with self._engine.begin() as connection:
            # The write lock first: two applies at once must see each other.
            connection.exec_driver_sql("UPDATE generations SET number = number WHERE 0")
            rows = {
                state: connection.scalar(sa.select(_GENERATIONS.c.number).where(_GENERATIONS.c.state == state))
                for state in ("pending", "serving")
            }
            must_be_alone(rows["pending"])
            must_be_current(rows["serving"], on)
            last = connection.scalar(sa.select(sa.func.max(_GENERATIONS.c.number))) or 0
            generation = Generation(
                number=last + 1, parent=rows["serving"], author=author, at=at, accepted=accepted, state="pending"
            )
            connection.execute(
                _GENERATIONS.insert().values(
                    number=generation.number,
                    parent=generation.parent,
                    author=author,
                    at=at,
                    accepted=msgspec.json.encode(accepted),
                    state="pending",
                )
            )
        return generation

    def ready(self, number: int, at: int | None) -> None:
        """Settle counts from `at`; None when it has to be counted anew."""
        self._set(number, ready_at=at)

    def serve(self, number: int, at: int) -> None:
        """The pending generation serves from now on; the one before it is replaced."""
        with self._engine.begin() as connection:
            table = _GENERATIONS
            connection.execute(table.update().where(table.c.state == "serving").values(state="replaced"))
            connection.execute(
                table.update()
                .where(table.c.number == number, table.c.state == "pending")
                .values(state="serving", served_at=at)
            )

    def fail(self, number: int, reason: str, last_log: tuple[str, ...]) -> None:
        """The pending generation has failed; its parent is current as before."""
        self._set(number, state="failed", reason=reason, last_log="\n".join(last_log))

    def _set(self, number: int, **values: object) -> None:
        with self._engine.begin() as connection:
            table = _GENERATIONS
            connection.execute(
                table.update().where(table.c.number == number, table.c.state == "pending").values(**values)
            )

    def _generations(self, where: sa.ColumnElement[bool], limit: int = 1) -> list[Generation]:
        query = sa.select(_GENERATIONS).where(where).order_by(_GENERATIONS.c.number.desc()).limit(limit)
        with self._engine.connect() as connection:
            return [
                Generation(
                    number=row.number,
                    parent=row.parent,
                    author=row.author,
                    at=row.at,
                    accepted=self._content(row.number, row.accepted),
                    state=row.state,
                    ready_at=row.ready_at,
                    served_at=row.served_at,
                    reason=row.reason,
                    last_log=tuple(row.last_log.splitlines()),
                )
                for row in connection.execute(query)
            ]

    def _content(self, number: int, stored: bytes) -> Accepted:
        # Immutable, and asked for on every trip: decoded once while it is one of the newest. The API's threads ask
        # too, so the mapping is replaced and never changed; one that is lost is decoded again.
        known = self._accepted
        if (found := known.get(number)) is None:
            found = msgspec.json.decode(stored, type=Accepted)
            self._accepted = {n: kept for n, kept in known.items() if n > number - _AT_HAND} | {number: found}
        return found

    # Slots

    def slots(self) -> list[Slot]:
        """All remembered slots, by unit and number."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_SLOTS).order_by(_SLOTS.c.unit, _SLOTS.c.slot))
            return [Slot(**row._mapping) for row in rows]

    def keep(self, slot: Slot) -> None:
        """Remember a slot as it is now."""
        values = msgspec.structs.asdict(slot)
        with self._engine.begin() as connection:
            here = (_SLOTS.c.unit == slot.unit) & (_SLOTS.c.slot == slot.slot)
            connection.execute(_SLOTS.delete().where(here))
            connection.execute(_SLOTS.insert().values(**values))

    def forget(self, slot: Slot) -> None:
        """The slot is free again."""
        with self._engine.begin() as connection:
            connection.execute(_SLOTS.delete().where(_SLOTS.c.unit == slot.unit, _SLOTS.c.slot == slot.slot))

    # How many replicas: no generation holds that, see `records.held`

    def counts(self) -> dict[str, Count]:
        """What the scaler concluded last, by unit."""
        with self._engine.connect() as connection:
            return {row.unit: Count(**row._mapping) for row in connection.execute(sa.select(_COUNTS))}

    def want(self, *counts: Count) -> None:
        """Write counts down, in place of their units' last ones, all at once."""
        self._put(_COUNTS, counts)

    def uncount(self, unit: str) -> None:
        """Nobody decides how many the unit has any more."""
        with self._engine.begin() as connection:
            connection.execute(_COUNTS.delete().where(_COUNTS.c.unit == unit))

    def pins(self) -> dict[str, Pin]:
        """What people hold units at, by unit; those that have ended too."""
        with self._engine.connect() as connection:
            return {row.unit: Pin(**row._mapping) for row in connection.execute(sa.select(_PINS))}

    def pin(self, pin: Pin) -> None:
        """Write a pin down, in place of the unit's last one."""
        self._put(_PINS, [pin])

    def unpin(self, unit: str) -> None:
        """The unit is nobody's any more."""
        with self._engine.begin() as connection:
            connection.execute(_PINS.delete().where(_PINS.c.unit == unit))

    def _put(self, table: sa.Table, rows: Sequence[Count | Pin]) -> None:
        if rows:
            with self._engine.begin() as connection:
                connection.execute(table.delete().where(table.c.unit.in_([row.unit for row in rows])))
                connection.execute(table.insert(), [msgspec.structs.asdict(row) for row in rows])

    # Facts

    def fact(self, name: str) -> str | None:
        """A small thing to remember, such as the port that was chosen."""
        with self._engine.connect() as connection:
            return connection.scalar(sa.select(_FACTS.c.value).where(_FACTS.c.name == name))

    def remember(self, name: str, value: str) -> None:
        """Write a fact down, in place of the one of that name."""
        with self._engine.begin() as connection:
            connection.execute(_FACTS.delete().where(_FACTS.c.name == name))
            connection.execute(_FACTS.insert().values(name=name, value=value))
