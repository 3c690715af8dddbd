"""Which workers live: each holds a lease that it must renew, judged by the database's clock alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func
from sqlmodel import Field, SQLModel, col, delete, select, update

from app.store.database import UtcDateTime, transaction


class ExecutorLease(SQLModel, table=True):
    """One process that runs workflows, from its start to its end; its id is never used again."""

    __tablename__ = "executor_leases"

    executor_id: str = Field(primary_key=True)
    expires_at: datetime = Field(sa_type=UtcDateTime)


def acquire(executor_id: str, seconds: float) -> None:
    """Begin to live; before the first workflow is taken, so that nobody alive is ever without a lease."""
    with transaction() as session:
        session.add(ExecutorLease(executor_id=executor_id, expires_at=_in(session, seconds)))


def renew(executor_id: str, seconds: float) -> bool:
    """Live on; False for a lease that has expired, which is never renewed: others are at its work by now."""
    mine = col(ExecutorLease.executor_id) == executor_id
    with transaction() as session:
        values = {"expires_at": _in(session, seconds)}
        done = session.exec(update(ExecutorLease).where(mine, col(ExecutorLease.expires_at) > _clock()).values(values))
        return bool(done.rowcount)


def expire(executor_id: str) -> None:
    """Stop living: what is left undone may be taken over at once."""
    with transaction() as session:
        mine = col(ExecutorLease.executor_id) == executor_id
        session.exec(update(ExecutorLease).where(mine).values({"expires_at": _clock()}))


def list_dead() -> list[str]:
    """The executors whose lease has expired and whose work nobody has taken over yet."""
    with transaction() as session:
        return list(session.exec(select(ExecutorLease.executor_id).where(col(ExecutorLease.expires_at) <= _clock())))


def remove(executor_id: str) -> None:
    """Forget a dead executor; after its work was taken over, so that a crash in between only repeats that."""
    with transaction() as session:
        session.exec(delete(ExecutorLease).where(col(ExecutorLease.executor_id) == executor_id))


def count_living() -> int:
    """How many processes run workflows now."""
    with transaction() as session:
        return session.exec(
            select(func.count()).select_from(ExecutorLease).where(col(ExecutorLease.expires_at) > _clock())
        ).one()


def _clock() -> Any:
    """The database's time now; the transaction's own would stand still while it waits."""
    return func.clock_timestamp()


def _in(session: Any, seconds: float) -> datetime:
    now: datetime = session.exec(select(_clock())).one()
    return now + timedelta(seconds=seconds)
