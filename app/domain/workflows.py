"""What every durable workflow does before and after its own part: begin, end well or badly, through one gate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from app import durable
from app.domain import audit
from app.errors import Internal, Problem
from app.store import operations as store
from app.store.operations import Operation
from app.store.records import Record

log = structlog.get_logger(__name__)
Changes = list[tuple[type[Record], str, dict[str, Any]]]


@dataclass(frozen=True)
class Work:
    """What a workflow knows of its operation; none of it changes while the operation lives."""

    id: str
    project: str
    principal: str
    resource_id: str
    attempt: int
    request: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How a workflow ended well: what to change in its own record, and in others (table, id, values)."""

    record: dict[str, Any]
    others: Changes = field(default_factory=list)


Body = Callable[[Work], Awaitable[Outcome]]
Undo = Callable[[Operation], None]


@dataclass(frozen=True)
class Workflow:
    """A kind of operation: its record's table, the engine's workflow, and what a bad end does to the record.

    `failed` None gives the record the state in which the operation ended. `undo` takes away what a cancelled operation
    would leave for others to see; it converges, and may raise a retryable problem while the job run is still ending.
    """

    kind: str
    table: type[Record]
    run: Callable[[str], Awaitable[None]]
    failed: dict[str, Any] | None
    undo: Undo | None


workflows: dict[str, Workflow] = {}


def register(
    kind: str, table: type[Record], failed: dict[str, Any] | None = None, undo: Undo | None = None
) -> Callable[[Body], Workflow]:
    """Make `body` the workflow of the operations of `kind`; the kind is stored, so it never changes.

    A problem that the body raises ends the operation as FAILED, and the record too. An operation on an existing record
    gives `failed`, which puts the record's state back; one that others see before it has ended gives `undo`.
    """

    def wrap(body: Body) -> Workflow:
        @durable.workflow(f"operations.{kind}")
        async def run(operation_id: str) -> None:
            work = Work(**await durable.step("begin", _begin, operation_id, quiet=True))
            try:
                outcome = await body(work)
            except Problem as problem:
                await durable.step("end as failed", end, operation_id, "FAILED", problem.as_dict(), quiet=True)
            except Exception:
                # A fault of our own outside every step: without an end, the operation would hold its lock for ever.
                log.exception("workflow failed unexpectedly", operation=operation_id)
                await durable.step("end as failed", end, operation_id, "FAILED", Internal().as_dict(), quiet=True)
            else:
                # The outcome is not a step's value (tables are not plain), but it is made of steps' values alone.
                await durable.step("end", _succeed, operation_id, outcome, quiet=True)

        workflows[kind] = Workflow(kind, table, run, failed, undo)
        return workflows[kind]

    return wrap


def end(operation_id: str, state: str, error: dict[str, Any] | None, changes: Changes | None = None) -> None:
    """The gate's way out: end the operation, change its records, write its event, free its locks, all or nothing.

    An end other than SUCCEEDED changes the record as its workflow says. The first end stands.
    """
    operation = store.find(operation_id)
    if operation is None:
        return
    made = workflows[operation.kind]
    if changes is None:
        changes = [(made.table, operation.resource_id, made.failed if made.failed is not None else {"state": state})]
    code = {"code": error["code"]} if error else {}
    action = f"{operation.kind} {state.lower()}"
    event = audit.event(operation.principal, action, operation.project, operation.resource_id, operation.id, **code)
    store.finish(operation_id, state, error, changes, event)


def _begin(operation_id: str) -> dict[str, Any]:
    operation: Operation = store.begin(operation_id)
    return {
        "id": operation.id,
        "project": operation.project,
        "principal": operation.principal,
        "resource_id": operation.resource_id,
        "attempt": operation.attempt,
        "request": operation.request,
    }


def _succeed(operation_id: str, outcome: Outcome) -> None:
    operation = store.find(operation_id)
    if operation is not None:
        own = (workflows[operation.kind].table, operation.resource_id, outcome.record)
        end(operation_id, "SUCCEEDED", None, [own, *outcome.others])
