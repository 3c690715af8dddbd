"""What operations lock: the thing whose wanted state one of them sets, while the others are refused or stand in line.

The line is made of the operations themselves: PENDING ones that want the lock, the oldest first.
"""

from __future__ import annotations

from sqlmodel import Field, Session, SQLModel, col, select

from app.errors import OperationInProgress
from app.store.database import reading
from app.store.operations import Operation


class Lock(SQLModel, table=True):
    """A thing that one operation holds; the primary key decides who came first."""

    __tablename__ = "locks"

    resource: str = Field(primary_key=True)
    operation_id: str = Field(index=True)


def acquire(session: Session, resource: str, operation_id: str, *, queue: bool) -> None:
    """Give the lock to the operation, unless another holds it.

    Then the operation stands in line with `queue`, and raises `OperationInProgress` without.
    """
    held = _hold(session, resource)
    if held is None:
        session.add(Lock(resource=resource, operation_id=operation_id))
        session.flush()
    elif held.operation_id != operation_id and not queue:
        raise OperationInProgress(operation=held.operation_id, resource=resource)


def hand_over(session: Session, operation: Operation) -> None:
    """Take the lock from the operation, if it has one, and give it to the one that has stood in line longest."""
    held = _hold(session, operation.lock) if operation.lock is not None else None
    if held is None or held.operation_id != operation.id:
        return
    in_line = select(Operation.id).where(col(Operation.lock) == held.resource, Operation.state == "PENDING")
    in_line = in_line.where(col(Operation.id) != operation.id)
    following = session.exec(in_line.order_by(col(Operation.created_at), col(Operation.id)).limit(1)).first()
    if following is None:
        session.delete(held)
    else:
        held.operation_id = following


def list_holders(resources: list[str]) -> dict[str, str]:
    """Which operation holds each of these; what nobody holds is left out."""
    if not resources:
        return {}
    with reading() as session:
        found = session.exec(select(Lock).where(col(Lock.resource).in_(resources)))
        return {lock.resource: lock.operation_id for lock in found}


def _hold(session: Session, resource: str) -> Lock | None:
    """The lock, so that nobody gives it away or joins the line before this transaction has ended."""
    return session.get(Lock, resource, with_for_update=True)
