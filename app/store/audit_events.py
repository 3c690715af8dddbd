"""The trail: an append-only row for every change, written in the change's own transaction, and for every refusal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, Session, SQLModel, col, or_, select

from app.store.database import UtcDateTime, now, repeatable, transaction
from app.store.pages import Page, read_page


class AuditEvent(SQLModel, table=True):
    """Who did what to which thing, and when; `count` is above one only for refusals of the same minute."""

    __tablename__ = "audit_events"

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


def append(session: Session, event: AuditEvent) -> None:
    """Write the event with the change that it tells of: both or neither."""
    session.add(event)


@repeatable
def count_refusal(event: AuditEvent) -> None:
    """Write a refusal, or count it onto the same one of the same minute: nobody can flood the trail."""
    with transaction() as session:
        known = session.get(AuditEvent, event.id, with_for_update=True)
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
        own = col(AuditEvent.principal) == principal
        statement = statement.where(or_(col(AuditEvent.project).in_(projects), own))
    for column, value in equal.items():
        statement = statement.where(getattr(AuditEvent, column) == value)
    with transaction() as session:
        return read_page(session, statement, AuditEvent, after, size)
