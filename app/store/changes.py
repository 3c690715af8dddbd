"""Which operations have changed, for whoever waits for it: PostgreSQL tells, SQLite is asked ten times a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection, event, func
from sqlmodel import col, select

from app.store.database import engine, reading
from app.store.operations import Operation

CHANNEL = "causeway_operations"
LOOK_EVERY_SECONDS = 0.1
GATHER_SECONDS = 0.05

Hear = Callable[[float], set[str] | None]


@contextmanager
def listening() -> Iterator[Hear]:
    """Listen on a connection of its own; yields a function that waits for news, at most so many seconds.

    It answers the ids of the operations that have changed, or None: any of them may have. What comes between two calls
    is kept for the second. Raises whatever the driver raises when the database is lost; the way on is a new listening.
    """
    borrowed = engine().raw_connection()
    driver: Any = borrowed.driver_connection
    # It never goes back to the pool, whose other users would get it with the listening on.
    borrowed.detach()
    try:
        if engine().dialect.name == "postgresql":
            driver.autocommit = True
            driver.execute(f"LISTEN {CHANNEL}")
            yield partial(_hear, driver)
        else:
            yield partial(_look, driver, [_version(driver)])
    finally:
        driver.close()


def list_revisions(operation_ids: set[str]) -> dict[str, int]:
    """The revision of each operation; those that do not exist are left out."""
    statement = select(Operation.id, Operation.revision).where(col(Operation.id).in_(operation_ids))
    with reading() as session:
        return dict(session.exec(statement).all())


@event.listens_for(Operation, "after_update")
def _announce(_mapper: Any, connection: Connection, operation: Operation) -> None:
    # It is sent when the transaction commits, once however often the operation was written in it.
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, operation.id)))


def _hear(driver: Any, seconds: float) -> set[str] | None:
    told = {notice.payload for notice in driver.notifies(timeout=seconds, stop_after=1)}
    if not told:
        return None
    # Many operations change at once: they are read together.
    time.sleep(GATHER_SECONDS)
    return told | {notice.payload for notice in driver.notifies(timeout=0)}


def _look(driver: Any, seen: list[int], seconds: float) -> set[str] | None:
    ends_at = time.monotonic() + seconds
    while (version := _version(driver)) == seen[0] and time.monotonic() < ends_at:
        time.sleep(LOOK_EVERY_SECONDS)
    seen[0] = version
    return None


def _version(driver: Any) -> int:
    """A number that another connection's commit changes [DOC]; reading it waits for nobody and stops nobody."""
    return int(driver.execute("PRAGMA data_version").fetchone()[0])
