"""What all that Causeway keeps of a project has in common, and how it is found: records, and what was said once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, TypeVar

from sqlmodel import Field, SQLModel, col, select

from app.store.audit_events import AuditEvent, append
from app.store.database import UtcDateTime, now, reading, repeatable, transaction
from app.store.pages import Page, read_page


class Kept(SQLModel):
    """Columns of everything that is kept of a project."""

    id: str = Field(primary_key=True)
    project: str = Field(index=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)


class Record(Kept):
    """Columns of every record; `state` is its own life, `outcome` what its operation found out."""

    kind: ClassVar[str]

    operation_id: str
    state: str = "PENDING"
    created_by: str
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


AnyKept = TypeVar("AnyKept", bound=Kept)
AnyRecord = TypeVar("AnyRecord", bound=Record)


@repeatable
def say_once(said: AnyKept, event: AuditEvent) -> AnyKept:
    """Keep what was said, whose id is made of it, with its event; said again it is what is kept already."""
    with transaction() as session:
        known = session.get(type(said), said.id)
        if known is not None:
            return known
        session.add(said)
        append(session, event)
        return said


def get(table: type[AnyRecord], record_id: str) -> AnyRecord:
    """The record that is known to be there."""
    with transaction() as session:
        return session.get_one(table, record_id)


def find(table: type[AnyKept], kept_id: str) -> AnyKept | None:
    """The row, or None."""
    with transaction() as session:
        return session.get(table, kept_id)


def list_page(
    table: type[AnyKept], projects: set[str], equal: dict[str, Any], after: str | None, size: int
) -> Page[AnyKept]:
    """Newest first: the rows of these projects whose columns equal what is given."""
    statement = select(table).where(col(table.project).in_(projects))
    for column, value in equal.items():
        statement = statement.where(getattr(table, column) == value)
    with transaction() as session:
        return read_page(session, statement, table, after, size)


def is_any(table: type[AnyRecord], **equal: Any) -> bool:
    """Whether there is a record whose columns equal what is given; a list of values means one of them."""
    statement = select(table.id)
    for column, value in equal.items():
        field = col(getattr(table, column))
        statement = statement.where(field.in_(value) if isinstance(value, list) else field == value)
    with reading() as session:
        return session.exec(statement.limit(1)).first() is not None


def list_all(table: type[AnyKept], **equal: Any) -> list[AnyKept]:
    """Every row whose columns equal what is given, oldest first."""
    statement = select(table).order_by(col(table.created_at), col(table.id))
    for column, value in equal.items():
        statement = statement.where(getattr(table, column) == value)
    with transaction() as session:
        return list(session.exec(statement))
