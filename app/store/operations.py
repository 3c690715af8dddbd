"""Operations as they are stored and read; what changes them is in `transitions`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Connection, event
from sqlmodel import Field, SQLModel, col, select

from app.store.database import UtcDateTime, now, reading, transaction
from app.store.pages import Page, read_page

LIVE = ("PENDING", "RUNNING")


class Operation(SQLModel, table=True):
    """Slow work that was accepted; its id is also the workflow's."""

    __tablename__ = "operations"

    id: str = Field(primary_key=True)
    kind: str = Field(index=True)
    project: str = Field(index=True)
    state: str = Field(default="PENDING", index=True)
    principal: str
    request_digest: str
    request: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    resource_kind: str
    resource_id: str
    attempt: int = 1
    error: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    upstream_run: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    cancel_requested_by: str | None = None
    lock: str | None = Field(default=None, index=True)
    """The thing whose wanted state it sets: it holds it, stands in line for it, or, once ended, held it."""
    workspaces: list[str] = Field(default_factory=list, sa_type=JSON)
    """Where it works: these stay in the configuration until it has ended."""
    rewind_to: int | None = None
    """The engine's step from which it is to run again; None once the engine knows."""
    revision: int = 1
    """Counts the changes that a caller can see, its steps' included."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


@event.listens_for(Operation, "before_update")
def _count_change(_mapper: Any, _connection: Connection, operation: Operation) -> None:
    operation.revision += 1
    operation.updated_at = now()


def find(operation_id: str) -> Operation | None:
    """The operation, or None."""
    with reading() as session:
        return session.get(Operation, operation_id)


def get(operation_id: str) -> Operation:
    """The operation, which is there."""
    with transaction() as session:
        return session.get_one(Operation, operation_id)


def list_live(project: str | None = None) -> list[Operation]:
    """Every operation that has not ended, or every one of a project."""
    statement = select(Operation).where(col(Operation.state).in_(LIVE))
    if project is not None:
        statement = statement.where(Operation.project == project)
    with transaction() as session:
        return list(session.exec(statement))


def list_live_places() -> list[tuple[str, str, list[str]]]:
    """Id, project and workspaces of every operation that has not ended."""
    statement = select(Operation.id, Operation.project, Operation.workspaces).where(col(Operation.state).in_(LIVE))
    with transaction() as session:
        return [(one, project, list(places)) for one, project, places in session.exec(statement)]


def list_page(projects: set[str], equal: dict[str, Any], after: str | None, size: int) -> Page[Operation]:
    """Newest first: the operations of these projects whose columns equal what is given."""
    statement = select(Operation).where(col(Operation.project).in_(projects))
    for column, value in equal.items():
        statement = statement.where(getattr(Operation, column) == value)
    with transaction() as session:
        return read_page(session, statement, Operation, after, size)


def list_ended_before(time: datetime, limit: int) -> list[str]:
    """The ids of operations that ended before `time`, the oldest first."""
    statement = select(Operation.id).where(col(Operation.finished_at) < time, col(Operation.state).not_in(LIVE))
    with transaction() as session:
        return list(session.exec(statement.order_by(col(Operation.finished_at)).limit(limit)))
