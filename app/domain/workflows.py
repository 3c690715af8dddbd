"""What every durable workflow does before and after its own part: begin, end well or badly, through one gate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from app import durable
from app.domain import audit, inventory
from app.errors import Internal, Problem
from app.store import locks, transitions
from app.store import operations as store
from app.store.operations import LIVE, Operation
from app.store.records import Record
from app.store.transitions import Amendment as Amendment
from app.store.transitions import Changes as Changes

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Work:
    """What a workflow knows of its operation; none of it changes while the operation lives."""

    id: str
    project: str
    principal: str
    resource_id: str
    request: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How a workflow ended well: what to change in its own record, and in others (table, id, values).

    `details` are what the audit trail keeps of it.
    """

    record: dict[str, Any]
    others: Changes = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)


Body = Callable[[Work], Awaitable[Outcome]]
Undo = Callable[[Operation], None]
Keep = Callable[[Operation, dict[str, Any]], dict[str, Any]]
Action = Callable[[Operation], str]


@dataclass(frozen=True)
class Workflow:
    """A kind of operation: its record's table, the engine's workflow, and what a bad end does to the record.

    `failed` None gives the record the state in which the operation ended, and what `keep` makes of the problem. `undo`
    takes away what a cancelled operation would leave for others to see; it converges, and may raise a retryable problem
    while the job run is still ending. `action` tells what a caller must be allowed to do to cancel or retry one; None:
    what the kind says.
    """

    kind: str
    table: type[Record]
    failed: dict[str, Any] | None
    undo: Undo | None
    keep: Keep | None
    action: Action | None = None

    @property
    def name(self) -> str:
        """What the engine knows it by."""
        return f"operations.{self.kind}"


workflows: dict[str, Workflow] = {}


def register(
    kind: str,
    table: type[Record],
    failed: dict[str, Any] | None = None,
    undo: Undo | None = None,
    keep: Keep | None = None,
    action: Action | None = None,
) -> Callable[[Body], Workflow]:
    """Make `body` the workflow of the operations of `kind`; the kind is stored, so it never changes.

    A problem that the body raises ends the operation as FAILED, and the record too. An operation on an existing record
    gives `failed` {}: what others in line made of it stands. One that others see before it has ended gives `undo`, one
    whose bad end finds out what outlives the operation gives `keep`, and one that does what others do gives `action`.
    """

    def wrap(body: Body) -> Workflow:
        made = Workflow(kind, table, failed, undo, keep, action)

        @durable.workflow(made.name)
        async def run(operation_id: str) -> None:
            begun = await durable.step("begin", _begin, operation_id, quiet=True)
            if begun is None:
                return
            work = Work(**begun)
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

        workflows[kind] = made
        return made

    return wrap


def end(
    operation_id: str,
    state: str,
    error: dict[str, Any] | None,
    changes: Changes | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """The gate's way out: end the operation, change its records, write its event, hand its lock over, all or nothing.

    An end other than SUCCEEDED changes the record as its workflow says. The first end stands. Who stood in line for
    the lock is started then; a crash in between is mended when this runs again, or by the sweep.
    """
    operation = store.find(operation_id)
    if operation is None:
        return
    made = workflows[operation.kind]
    if changes is None:
        kept = made.keep(operation, error) if made.keep is not None and error is not None else {}
        record = made.failed if made.failed is not None else {"state": state, **kept}
        changes = [(made.table, operation.resource_id, record)]
    told = {"code": error["code"]} if error else details or {}
    action = f"{operation.kind} {state.lower()}"
    event = audit.event(operation.principal, action, operation.project, operation.resource_id, operation.id, **told)
    transitions.finish(operation_id, state, error, changes, event)
    if operation.lock is not None:
        following = store.find(locks.list_holders([operation.lock]).get(operation.lock, ""))
        if following is not None:
            enqueue(following)


def enqueue(operation: Operation) -> None:
    """Have the engine run the operation, unless it has ended or waits in line; safe to repeat."""
    if operation.state == "PENDING" and find_ahead(operation) is None:
        durable.enqueue(operation.id, workflows[operation.kind].name, operation.id)


def find_ahead(operation: Operation) -> str | None:
    """The operation that this one waits for: it holds what this one wants to lock."""
    if operation.state != "PENDING" or operation.lock is None:
        return None
    holder = locks.list_holders([operation.lock]).get(operation.lock)
    return holder if holder != operation.id else None


def _begin(operation_id: str) -> dict[str, Any] | None:
    """What the workflow needs to know, or None when the operation was stopped before it began."""
    operation: Operation = transitions.begin(operation_id)
    if operation.state not in LIVE:
        return None
    return {
        "id": operation.id,
        "project": operation.project,
        "principal": operation.principal,
        "resource_id": operation.resource_id,
        "request": operation.request,
    }


def _succeed(operation_id: str, outcome: Outcome) -> None:
    operation = store.find(operation_id)
    if operation is not None:
        own = (workflows[operation.kind].table, operation.resource_id, outcome.record)
        end(operation_id, "SUCCEEDED", None, [own, *outcome.others], outcome.details)
        inventory.hasten(operation.workspaces)
