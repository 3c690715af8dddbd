"""The one database connection of this process, and the only way to open a transaction on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, create_engine, event
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session

_engines: list[Engine] = []


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC that comes back with its zone: SQLite forgets it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse times without a zone, which would mean something else on every machine."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time needs a zone")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def connect(url: str) -> None:
    """Make the database at `url` this process's; nothing is created or migrated here."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    disconnect()
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    _engines.append(engine)


def disconnect() -> None:
    """Close every connection."""
    while _engines:
        _engines.pop().dispose()


def engine() -> Engine:
    """The connection pool; `connect` comes first."""
    return _engines[0]


@contextmanager
def transaction() -> Iterator[Session]:
    """One transaction: committed on leaving, rolled back on any exception."""
    with Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session


def now() -> datetime:
    """The time that goes into records."""
    return datetime.now(UTC)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction control is switched off, so that ours can begin as a writer.
    connection.isolation_level = None
    for statement in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {statement}")


def _begin_immediate(connection: Any) -> None:
    # A transaction that reads first and writes later would otherwise fail instead of waiting its turn.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
