"""Every change of an operation's state, with its record, its lock and its audit event: one transaction each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, delete

from app.errors import IdempotencyKeyExpired
from app.store.audit_events import AuditEvent, append
from app.store.database import now, repeatable, transaction
from app.store.expired_keys import ExpiredKey
from app.store.locks import acquire, hand_over
from app.store.operations import LIVE, Operation
from app.store.records import Record
from app.store.steps import Step


@dataclass(frozen=True)
class Amendment:
    """A change of an active record by something else than its own operations; one that has ended stays as it is.

    `told` joins the outcome that it has then.
    """

    table: type[Record]
    record_id: str
    values: dict[str, Any]
    told: dict[str, Any]


Changes = list[tuple[type[Record], str, dict[str, Any]] | Amendment]


@repeatable
def insert(
    operation: Operation, record: Record | None, audit_event: AuditEvent, *, queue: bool = False
) -> tuple[Operation, bool]:
    """Accept an operation with its record (None: it works on an existing one), its lock and its event.

    Answers the stored operation and whether it is new: the same id again changes nothing. Another operation's lock
    raises `OperationInProgress`, or is waited for in line with `queue`. Raises `IdempotencyKeyExpired` for an id whose
    operation is gone.
    """
    with transaction() as session:
        known = session.get(Operation, operation.id)
        if known is not None:
            return known, False
        if session.get(ExpiredKey, operation.id) is not None:
            raise IdempotencyKeyExpired(operation=operation.id)
        if operation.lock is not None:
            acquire(session, operation.lock, operation.id, queue=queue)
        session.add(operation)
        if record is not None:
            session.add(record)
        append(session, audit_event)
        return operation, True


def begin(operation_id: str) -> Operation:
    """Mark the operation as running; a second time, after a crash, changes nothing."""
    with transaction() as session:
        operation = _get(session, operation_id)
        if operation.state == "PENDING":
            operation.state, operation.started_at = "RUNNING", now()
        return operation


@repeatable
def finish(
    operation_id: str, state: str, error: dict[str, Any] | None, changes: Changes, audit_event: AuditEvent
) -> Operation:
    """End the operation, change its records, write its event, and hand its lock over; the first end stands.

    Until the engine knows of a retry, an end can only be the earlier attempt's, told anew by a crash: it is ignored.
    """
    with transaction() as session:
        operation = _get(session, operation_id)
        if operation.state not in LIVE or operation.rewind_to is not None:
            return operation
        operation.state, operation.error = state, error
        operation.finished_at = now()
        _change(session, changes)
        hand_over(session, operation)
        append(session, audit_event)
        return operation


@repeatable
def retry(
    operation_id: str, rewind_to: int, steps: list[str], changes: Changes, audit_event: AuditEvent
) -> tuple[Operation, bool]:
    """Have a failed operation run again from the engine's step `rewind_to`, forgetting what is told of `steps`.

    Answers the operation and whether it was to be retried: one that has not failed, or runs again already, is left as
    it is. Raises `OperationInProgress` when another operation holds its lock by now.
    """
    with transaction() as session:
        operation = _get(session, operation_id)
        if operation.state != "FAILED":
            return operation, False
        # In the order of `finish`: records, then the lock.
        _change(session, changes)
        if operation.lock is not None:
            acquire(session, operation.lock, operation.id, queue=False)
        operation.state, operation.error, operation.finished_at = "RUNNING", None, None
        operation.cancel_requested_by, operation.rewind_to = None, rewind_to
        operation.attempt += 1
        session.exec(delete(Step).where(col(Step.operation_id) == operation.id, col(Step.name).in_(steps)))
        append(session, audit_event)
        return operation, True


def note_rewound(operation_id: str) -> None:
    """The engine has it: nothing is to be rewound any more."""
    with transaction() as session:
        _get(session, operation_id).rewind_to = None


def note_upstream_run(operation_id: str, run: dict[str, Any]) -> bool:
    """Remember the job run that a cancel has to stop; answers whether that wish has come already."""
    with transaction() as session:
        operation = _get(session, operation_id)
        operation.upstream_run = run
        return operation.cancel_requested_by is not None


def request_cancel(operation_id: str, principal: str, audit_event: AuditEvent) -> Operation:
    """Note who wants the operation stopped; a second wish, or a wish after its end, changes nothing."""
    with transaction() as session:
        operation = _get(session, operation_id)
        if operation.state in LIVE and operation.cancel_requested_by is None:
            operation.cancel_requested_by, operation.rewind_to = principal, None
            append(session, audit_event)
        return operation


@repeatable
def remove(operation_ids: list[str]) -> None:
    """Delete ended operations with their steps, and keep of each that its key is spent; records and events stay."""
    with transaction() as session:
        for operation_id in operation_ids:
            operation = session.get(Operation, operation_id, with_for_update=True)
            if operation is not None and operation.state not in LIVE:
                session.exec(delete(Step).where(col(Step.operation_id) == operation_id))
                session.delete(operation)
                session.add(ExpiredKey(operation_id=operation_id))


def _get(session: Session, operation_id: str) -> Operation:
    """The operation, held until the transaction ends: of two changes at once, the second sees the first."""
    return session.get_one(Operation, operation_id, with_for_update=True)


def _change(session: Session, changes: Changes) -> None:
    """Change the records that are there; an `operation_id` among the values says that one is to be made, if need be."""
    for change in changes:
        if isinstance(change, Amendment):
            _amend(session, change)
            continue
        table, record_id, values = change
        if "operation_id" in values and session.get(table, record_id) is None:
            session.add(table(id=record_id, **values))
            continue
        record = session.get_one(table, record_id, with_for_update=True)
        for column, value in values.items():
            setattr(record, column, value)
        record.updated_at = now()


def _amend(session: Session, change: Amendment) -> None:
    record: Any = session.get(change.table, change.record_id, with_for_update=True)
    if record is not None and record.state == "ACTIVE":
        for column, value in {**change.values, "outcome": {**record.outcome, **change.told}}.items():
            setattr(record, column, value)
        record.updated_at = now()
