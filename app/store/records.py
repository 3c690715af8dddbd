"""What all of Causeway's own records have in common, and how one is found by its id."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, TypeVar

from sqlmodel import Field, SQLModel, col, select

from app.store.database import UtcDateTime, now, reading, transaction
from app.store.pages import Page, read_page


class Record(SQLModel):
    """Columns of every record; `state` is its own life, `outcome` what its operation found out."""

    kind: ClassVar[str]

    id: str = Field(primary_key=True)
    project: str = Field(index=True)
    operation_id: str
    state: str = "PENDING"
    created_by: str
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


AnyRecord = TypeVar("AnyRecord", bound=Record)


def get(table: type[AnyRecord], record_id: str) -> AnyRecord:
    """The record that is known to be there."""
    with transaction() as session:
        return session.get_one(table, record_id)


def find(table: type[AnyRecord], record_id: str) -> AnyRecord | None:
    """The record, or None."""
    with transaction() as session:
        return session.get(table, record_id)


def list_page(
    table: type[AnyRecord], projects: set[str], equal: dict[str, Any], after: str | None, size: int
) -> Page[AnyRecord]:
    """Newest first: the records of these projects whose columns equal what is given."""
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


def list_all(table: type[AnyRecord], **equal: Any) -> list[AnyRecord]:
    """Every record whose columns equal what is given, oldest first."""
    statement = select(table).order_by(col(table.created_at), col(table.id))
    for column, value in equal.items():
        statement = statement.where(getattr(table, column) == value)
    with transaction() as session:
        return list(session.exec(statement))
