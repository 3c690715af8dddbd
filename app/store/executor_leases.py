"""Which workers live: each holds a lease that it must renew, judged by the database's clock alone."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.store.database import UtcDateTime


class ExecutorLease(SQLModel, table=True):
    """One process that runs workflows, from its start to its end; its id is never used again."""

    __tablename__ = "executor_leases"

    executor_id: str = Field(primary_key=True)
    expires_at: datetime = Field(sa_type=UtcDateTime)
