"""The trail: an append-only row for every change, written in the change's own transaction, and for every refusal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Field, Session, SQLModel, col, or_, select

from app.store.database import UtcDateTime, now, reading, repeatable, transaction
from app.store.pages import Page, read_page

UNSEALED = text("number IS NULL")
# A standby or a role that only reads; a role that may not write this table.
READ_ONLY = ("25006", "42501", "SQLITE_READONLY")


class AuditEvent(SQLModel, table=True):
    """Who did what to which thing, and when; `count` is above one only for refusals of the same minute.

    `number` is its place in the sealed trail. The sealer gives it: transactions do not commit in the order they write.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_unsealed", "created_at", "id", sqlite_where=UNSEALED, postgresql_where=UNSEALED),
    )

    id: str = Field(primary_key=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    principal: str = Field(index=True)
    action: str
    project: str | None = Field(default=None, index=True)
    resource: str | None = None
    operation_id: str | None = Field(default=None, index=True)
    request_id: str | None = None
    refused_code: str | None = None
    count: int = 1
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    number: int | None = Field(default=None, sa_type=BigInteger, index=True, unique=True)


class DatabaseReadOnly(Exception):
    """The database is a copy that takes no writes, or its role may not write here."""


def append(session: Session, event: AuditEvent) -> None:
    """Write the event with the change that it tells of: both or neither."""
    session.add(event)


def insert(events: Iterable[AuditEvent]) -> None:
    """Write events that tell of no change; raises `DatabaseReadOnly`."""
    try:
        with transaction() as session:
            session.add_all(events)
    except DBAPIError as error:
        code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None)
        if code not in READ_ONLY:
            raise
        raise DatabaseReadOnly from error


@repeatable
def count_refusals(events: Iterable[AuditEvent]) -> None:
    """Write refusals, or count each onto the same one of the same minute: nobody can flood the trail.

    What is sealed is counted no further: a refusal that comes so late begins a count of its own.
    """
    with transaction() as session:
        for event in events:
            while (known := session.get(AuditEvent, event.id, with_for_update=True)) is not None and known.number:
                event.id += "_late"
            if known is None:
                session.add(event)
            else:
                known.count += 1


def list_page(
    projects: set[str], principal: str | None, everything: bool, equal: dict[str, Any], after: str | None, size: int
) -> Page[AuditEvent]:
    """Newest first: events of these projects and of the caller itself, or all of them for an admin."""
    statement = select(AuditEvent)
    if not everything:
        statement = statement.where(_visible(projects, principal))
    for column, value in equal.items():
        statement = statement.where(getattr(AuditEvent, column) == value)
    with transaction() as session:
        return read_page(session, statement, AuditEvent, after, size)


def list_oldest(
    projects: set[str] | None,
    principal: str | None,
    equal: dict[str, Any],
    after: tuple[datetime, str],
    until: datetime,
    size: int,
) -> list[dict[str, Any]]:
    """The next events behind `after` (time and id) and before `until`, oldest first, as plain values.

    Events of these projects and of the principal itself; of everybody without `projects`.
    """
    columns = AuditEvent.__table__.columns  # type: ignore[attr-defined]
    at, event_id = after
    behind = or_(col(AuditEvent.created_at) > at, col(AuditEvent.id) > event_id)
    # The first condition is what an index serves.
    statement = select(*columns).where(col(AuditEvent.created_at) >= at, behind, col(AuditEvent.created_at) < until)
    if projects is not None:
        statement = statement.where(_visible(projects, principal))
    for column, value in equal.items():
        statement = statement.where(getattr(AuditEvent, column) == value)
    with reading() as session:
        rows = session.execute(statement.order_by(col(AuditEvent.created_at), col(AuditEvent.id)).limit(size))
        return [dict(row) for row in rows.mappings()]


def _visible(projects: set[str], principal: str | None) -> Any:
    return or_(col(AuditEvent.project).in_(projects), col(AuditEvent.principal) == principal)
