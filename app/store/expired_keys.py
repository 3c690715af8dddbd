"""Idempotency keys whose operations are gone: what is left of them, so that an old key starts nothing anew."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.store.database import UtcDateTime, now, transaction


class ExpiredKey(SQLModel, table=True):
    """The id that a key made; the operation itself was deleted when its time was over."""

    __tablename__ = "expired_keys"

    operation_id: str = Field(primary_key=True)
    expired_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


def is_expired(operation_id: str) -> bool:
    """Whether the key that makes this id has been used, and its operation is gone."""
    with transaction() as session:
        return session.get(ExpiredKey, operation_id) is not None
