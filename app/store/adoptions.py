"""Adoptions: shares and recipients that somebody else made under a name of Causeway's, and that an admin took over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel, col, select

from app.store.audit_events import AuditEvent, append
from app.store.database import UtcDateTime, now, reading, repeatable, transaction
from app.store.pages import Page, read_page


class Adoption(SQLModel, table=True):
    """One object that counts as Causeway's own since; `object_kind` is share or recipient, `name` in lower case.

    Its id is made of workspace, kind and name: the same object is adopted once.
    """

    __tablename__ = "adoptions"

    id: str = Field(primary_key=True)
    project: str = Field(index=True)
    workspace: str
    object_kind: str
    name: str
    reason: str
    created_by: str
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)


@repeatable
def insert(adoption: Adoption, event: AuditEvent) -> Adoption:
    """Keep the adoption with its event; an object that was adopted before keeps the adoption that it has."""
    with transaction() as session:
        known = session.get(Adoption, adoption.id)
        if known is not None:
            return known
        session.add(adoption)
        append(session, event)
        return adoption


def find(adoption_id: str) -> Adoption | None:
    """The adoption, or None."""
    with reading() as session:
        return session.get(Adoption, adoption_id)


def list_page(projects: set[str], equal: dict[str, Any], after: str | None, size: int) -> Page[Adoption]:
    """Newest first: the adoptions of these projects whose columns equal what is given."""
    statement = select(Adoption).where(col(Adoption.project).in_(projects))
    for column, value in equal.items():
        statement = statement.where(getattr(Adoption, column) == value)
    with transaction() as session:
        return read_page(session, statement, Adoption, after, size)
