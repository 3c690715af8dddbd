"""Operations, what they lock, and their records: every change of state is one transaction here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Connection, event
from sqlmodel import Field, Session, SQLModel, col, delete, select

from app.errors import OperationInProgress
from app.store.audit_events import AuditEvent, append
from app.store.database import UtcDateTime, now, transaction
from app.store.pages import Page, read_page
from app.store.records import Record

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


class Lock(SQLModel, table=True):
    """A thing whose wanted state one operation is setting; the primary key decides who came first."""

    __tablename__ = "locks"

    resource: str = Field(primary_key=True)
    operation_id: str = Field(index=True)


def insert(
    operation: Operation, lock: str | None, record: Record | None, audit_event: AuditEvent
) -> tuple[Operation, bool]:
    """Accept an operation with its record (None: it works on an existing one), its lock and its event.

    Answers the stored operation and whether it is new: the same id again changes nothing.
    Raises `OperationInProgress` when another operation holds the lock.
    """
    with transaction() as session:
        known = session.get(Operation, operation.id)
        if known is not None:
            return known, False
        if lock is not None:
            _acquire(session, lock, operation.id)
        session.add(operation)
        if record is not None:
            session.add(record)
        append(session, audit_event)
        return operation, True


def begin(operation_id: str) -> Operation:
    """Mark the operation as running; a second time, after a crash, changes nothing."""
    with transaction() as session:
        operation = session.get_one(Operation, operation_id)
        if operation.state == "PENDING":
            operation.state, operation.started_at = "RUNNING", now()
        return operation


def finish(
    operation_id: str,
    state: str,
    error: dict[str, Any] | None,
    changes: list[tuple[type[Record], str, dict[str, Any]]],
    audit_event: AuditEvent,
) -> Operation:
    """End the operation, change its records, free its locks and write its event; the first end stands."""
    with transaction() as session:
        operation = session.get_one(Operation, operation_id)
        if operation.state not in LIVE:
            return operation
        operation.state, operation.error = state, error
        operation.finished_at = now()
        for table, record_id, values in changes:
            record = session.get_one(table, record_id)
            for column, value in values.items():
                setattr(record, column, value)
            record.updated_at = now()
        session.exec(delete(Lock).where(col(Lock.operation_id) == operation_id))
        append(session, audit_event)
        return operation


def note_upstream_run(operation_id: str, run: dict[str, Any]) -> bool:
    """Remember the job run that a cancel has to stop; answers whether that wish has come already."""
    with transaction() as session:
        operation = session.get_one(Operation, operation_id)
        operation.upstream_run = run
        return operation.cancel_requested_by is not None


def request_cancel(operation_id: str, principal: str, audit_event: AuditEvent) -> Operation:
    """Note who wants the operation stopped; a second wish, or a wish after its end, changes nothing."""
    with transaction() as session:
        operation = session.get_one(Operation, operation_id)
        if operation.state in LIVE and operation.cancel_requested_by is None:
            operation.cancel_requested_by = principal
            append(session, audit_event)
        return operation


def find(operation_id: str) -> Operation | None:
    """The operation, or None."""
    with transaction() as session:
        return session.get(Operation, operation_id)


def list_live() -> list[Operation]:
    """Every operation that has not ended."""
    with transaction() as session:
        return list(session.exec(select(Operation).where(col(Operation.state).in_(LIVE))))


def list_page(projects: set[str], equal: dict[str, Any], after: str | None, size: int) -> Page[Operation]:
    """Newest first: the operations of these projects whose columns equal what is given."""
    statement = select(Operation).where(col(Operation.project).in_(projects))
    for column, value in equal.items():
        statement = statement.where(getattr(Operation, column) == value)
    with transaction() as session:
        return read_page(session, statement, Operation, after, size)


def _acquire(session: Session, resource: str, operation_id: str) -> None:
    held = session.get(Lock, resource)
    if held is not None:
        raise OperationInProgress(operation=held.operation_id, resource=resource)
    session.add(Lock(resource=resource, operation_id=operation_id))
    session.flush()
