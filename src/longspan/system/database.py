"""The one place for SQL engines: opens a database and brings its schema up to date.

SQLite in WAL mode with full synchronisation: a commit returns after its fsync, so what control has
acknowledged survives a power cut. The schema grows by Alembic migrations only.

What cannot be written for want of room, or be read, is a `LongspanError` with what to do; a transaction that failed so
has changed nothing.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, ExceptionContext, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from longspan.base.errors import LongspanError
from longspan.system.troubles import MAKE_ROOM

MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(path: Path) -> Engine:
    """An engine on the SQLite file `path`, created (mode 0600) and migrated as needed.

    Raises `LongspanError` when the file was written by a newer Longspan, or when there is no room for it.
    """
    path.touch(mode=0o600, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}", pool_size=4, max_overflow=8)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "handle_error", _in_words)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            connection.close()
            engine.dispose()
            raise LongspanError(
                f"the state was written by a newer Longspan ({error})",
                at=path.name,
                remedy="Use that version, or another --state folder",
            ) from error
    return engine


def _configure(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _in_words(context: ExceptionContext) -> LongspanError | None:
    """Of what is no fault of ours, the words; None leaves the error as it is."""
    error = context.original_exception
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
        return None
    return LongspanError(f"what was to be remembered cannot be written: {error}", at="state.db", remedy=MAKE_ROOM)
