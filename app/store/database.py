"""The one database connection of this process, and the only way to open a transaction on it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import structlog
from sqlalchemy import DateTime, Dialect, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session

from app.errors import DatabaseUnavailable

# A process asks for eight connections at most: PostgreSQL allows a hundred by default, and the engine has its own.
POOL = {"pool_size": 4, "max_overflow": 4, "pool_timeout": 10, "pool_pre_ping": True}
# No transaction of ours takes a second. One that hangs would keep its locks, and with them every other process.
LIMITS = {"statement_timeout": "30s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "30s"}
# Unique violation, deadlock, serialization failure: another transaction was first.
LOST = ("23505", "40P01", "40001")
TRIES = 5
RETRY_AFTER_SECONDS = 2

P = ParamSpec("P")
Answer = TypeVar("Answer")
_engines: list[Engine] = []
log = structlog.get_logger(__name__)


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC that comes back with its zone: SQLite forgets it, PostgreSQL gives it in the session's."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse times without a zone, which would mean something else on every machine."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time needs a zone")
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def make_engine(url: str) -> Engine:
    """A pool of connections to the database at `url`, prepared as this service needs them; none is opened yet."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        made = create_engine(url)
        event.listen(made, "connect", _prepare_sqlite)
        event.listen(made, "begin", _begin_immediate)
        return made
    options = " ".join(f"-c {name}={value}" for name, value in LIMITS.items())
    # A peer that is gone without a word is noticed in seconds, not after the system's two hours.
    network = {"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "tcp_user_timeout": 20_000}
    arguments = {"options": options, "fallback_application_name": "causeway", **network}
    return create_engine(url, connect_args=arguments, **POOL)


def connect(url: str) -> None:
    """Make the database at `url` this process's; nothing is created or migrated here."""
    disconnect()
    _engines.append(make_engine(url))


def disconnect() -> None:
    """Close every connection."""
    while _engines:
        _engines.pop().dispose()


def engine() -> Engine:
    """The connection pool; `connect` comes first."""
    return _engines[0]


@contextmanager
def transaction() -> Iterator[Session]:
    """One transaction: committed on leaving, rolled back on any exception.

    On SQLite one follows the other. On PostgreSQL they run side by side: what is read in order to be changed is read
    `with_for_update`, and a function that may be the first to write a row is `repeatable`. Raises `DatabaseUnavailable`
    when the database is away, or kept it waiting too long; if that was in the commit, the change may have been made.
    """
    try:
        with Session(engine(), expire_on_commit=False) as session, session.begin():
            yield session
    except (OperationalError, NoConnectionFree) as error:
        if not _is_outage(error):
            raise
        log.warning("the database is unavailable", reason=str(getattr(error, "orig", error)).strip())
        raise DatabaseUnavailable(retry_after_seconds=RETRY_AFTER_SECONDS) from error


@contextmanager
def reading() -> Iterator[Session]:
    """A transaction that changes nothing, and so on SQLite waits for no writer and keeps none waiting."""
    with transaction() as session:
        session.connection(execution_options={"is_reading": True})
        yield session


def repeatable(function: Callable[P, Answer]) -> Callable[P, Answer]:
    """Have a function that is one whole transaction run again when the database ended it in another one's favour.

    PostgreSQL does so to the second of two first inserts of a key, and to one side of a deadlock. Nothing of the lost
    try remains, and the next one reads what the other wrote. What the last of a few tries raises is raised.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> Answer:
        for _ in range(TRIES - 1):
            try:
                return function(*args, **kwargs)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in LOST:
                    raise
            # At once, it would be in the other's way again.
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - jitter
        return function(*args, **kwargs)

    return run


def now() -> datetime:
    """The time that goes into records."""
    return datetime.now(UTC)


def _is_outage(error: OperationalError | NoConnectionFree) -> bool:
    """Whether it is the database's or the network's doing, and may be over in a moment."""
    if isinstance(error, NoConnectionFree):
        return True
    name = getattr(error.orig, "sqlite_errorname", None)
    if name is not None:
        # SQLite counts the mistakes of a statement among its operational errors.
        return bool(name == "SQLITE_BUSY")
    return getattr(error.orig, "sqlstate", None) not in LOST


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transaction control is switched off, so that ours can begin as a writer.
    connection.isolation_level = None
    for statement in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {statement}")


def _begin_immediate(connection: Any) -> None:
    # A transaction that reads first and writes later would otherwise fail instead of waiting its turn.
    is_reading = connection.get_execution_options().get("is_reading", False)
    connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")
