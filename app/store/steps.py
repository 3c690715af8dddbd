"""The steps of operations as people follow them; the engine keeps its own account for recovery."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, func
from sqlmodel import Field, SQLModel, col, select

from app.store.database import UtcDateTime, now, reading, repeatable, transaction
from app.store.operations import Operation

# What one operation may ask of its workspaces again, over all of its steps: a bad day is not made worse.
FURTHER_TRIES = 60


class Step(SQLModel, table=True):
    """One named step of one operation, with its tries."""

    __tablename__ = "operation_steps"

    operation_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    position: int
    state: str
    tries: int = 1
    text: str = ""
    error: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    started_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


@repeatable
def record(operation_id: str, name: str, *, state: str, tries: int, text: str, error: Any) -> bool:
    """Note how a step stands, and answer whether the operation may go on: after a problem, whether it has tries left.

    Without one: nobody has wished to cancel it. Telling the same again changes nothing but times.
    """
    with transaction() as session:
        operation = session.get(Operation, operation_id, with_for_update=True)
        if operation is None:
            return True
        step = session.get(Step, (operation_id, name))
        if step is None:
            taken = session.exec(select(func.max(Step.position)).where(col(Step.operation_id) == operation_id)).one()
            step = Step(operation_id=operation_id, name=name, position=(taken or 0) + 1, state=state)
            session.add(step)
        step.state, step.tries, step.error = state, max(tries, 1), error
        step.text = text or step.text if state == "SUCCEEDED" else text
        step.finished_at = now() if state != "RUNNING" else None
        operation.updated_at = now()
        if error is None:
            return operation.cancel_requested_by is None
        session.flush()
        again = select(func.sum(Step.tries - 1)).where(col(Step.operation_id) == operation_id)
        return (session.exec(again).one() or 0) < FURTHER_TRIES


def list_steps(operation_ids: list[str]) -> dict[str, list[Step]]:
    """The steps of several operations in the order in which they began."""
    found: dict[str, list[Step]] = {operation_id: [] for operation_id in operation_ids}
    statement = select(Step).where(col(Step.operation_id).in_(operation_ids)).order_by(col(Step.position))
    with reading() as session:
        for step in session.exec(statement):
            found[step.operation_id].append(step)
    return found
