"""API keys: looked up by id, only a hash of the secret is kept, use and revocation are recorded."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel, col, select

from app.store.audit_events import AuditEvent, append
from app.store.database import UtcDateTime, now, reading, transaction

USE_RECORDED_EVERY = timedelta(minutes=1)


class ApiKey(SQLModel, table=True):
    """A principal's key; `projects` None means all the projects of the principal."""

    __tablename__ = "api_keys"

    id: str = Field(primary_key=True)
    principal: str = Field(index=True)
    secret_sha256: str
    projects: list[str] | None = Field(default=None, sa_type=JSON)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


def insert(key: ApiKey, event: AuditEvent) -> None:
    """Remember a new key."""
    with transaction() as session:
        session.add(key)
        append(session, event)


def find(key_id: str) -> ApiKey | None:
    """The key, live or not."""
    with reading() as session:
        return session.get(ApiKey, key_id)


def list_keys(principal: str | None = None) -> list[ApiKey]:
    """All keys, or a principal's, oldest first."""
    statement = select(ApiKey).order_by(col(ApiKey.created_at))
    if principal is not None:
        statement = statement.where(ApiKey.principal == principal)
    with transaction() as session:
        return list(session.exec(statement))


def record_use(key_id: str) -> None:
    """Note that the key is in use, at most once a minute."""
    with transaction() as session:
        key = session.get(ApiKey, key_id)
        if key is not None and (key.last_used_at is None or now() - key.last_used_at > USE_RECORDED_EVERY):
            key.last_used_at = now()


def revoke(key_id: str, event: AuditEvent) -> bool:
    """End the key; False when there is no such key. Revoking twice keeps the first time."""
    with transaction() as session:
        key = session.get(ApiKey, key_id)
        if key is None:
            return False
        if key.revoked_at is None:
            key.revoked_at = now()
            append(session, event)
        return True
