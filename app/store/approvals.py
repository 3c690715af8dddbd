"""Approvals: who agreed to what, by the digest of exactly that. They are never changed and never removed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel, col, select

from app.store.audit_events import AuditEvent, append
from app.store.database import UtcDateTime, now, reading, repeatable, transaction
from app.store.pages import Page, read_page


class Approval(SQLModel, table=True):
    """One person's agreement to one subject; `subject` is what the digest stands for, as it was then."""

    __tablename__ = "approvals"

    id: str = Field(primary_key=True)
    project: str = Field(index=True)
    principal: str
    action: str
    subject_digest: str = Field(index=True)
    subject: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)


@repeatable
def insert(approval: Approval, audit_event: AuditEvent) -> Approval:
    """Keep the approval with its event; the same id again changes nothing and answers what is kept."""
    with transaction() as session:
        known = session.get(Approval, approval.id)
        if known is not None:
            return known
        session.add(approval)
        append(session, audit_event)
        return approval


def list_of(subject_digest: str) -> list[Approval]:
    """All approvals of exactly this, oldest first."""
    statement = select(Approval).where(Approval.subject_digest == subject_digest)
    with reading() as session:
        return list(session.exec(statement.order_by(col(Approval.created_at), col(Approval.id))))


def list_page(projects: set[str], equal: dict[str, Any], after: str | None, size: int) -> Page[Approval]:
    """Newest first: the approvals of these projects whose columns equal what is given."""
    statement = select(Approval).where(col(Approval.project).in_(projects))
    for column, value in equal.items():
        statement = statement.where(getattr(Approval, column) == value)
    with reading() as session:
        return read_page(session, statement, Approval, after, size)
