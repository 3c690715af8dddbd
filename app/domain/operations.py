"""Slow work as one resource: accepted once, followed, cancelled, and taken up again after a crash."""

from __future__ import annotations

import hashlib
import json
from base64 import b32encode
from dataclasses import dataclass
from typing import Any

from app import durable
from app.domain import audit
from app.domain.access import Caller, check, list_projects
from app.domain.workflows import Workflow, end, workflows
from app.errors import IdempotencyKeyReused, OperationAlreadyDone, OperationCancelled, Problem, RecordNotFound
from app.store import operations as store
from app.store import steps
from app.store.operations import LIVE, Operation
from app.store.pages import Page
from app.store.records import Record
from app.store.steps import Step
from app.workspaces import runs

__all__ = [
    "Key",
    "Operation",
    "Page",
    "Step",
    "cancel",
    "find_replay",
    "get",
    "list_page",
    "list_steps",
    "make_key",
    "resume_unstarted",
    "start",
]


@dataclass(frozen=True)
class Key:
    """What makes a request repeatable: the operation's id, and the digest that tells another body apart."""

    operation_id: str
    request_digest: str

    def record_id(self, prefix: str) -> str:
        """The id of the record that the operation makes."""
        return self.operation_id.replace("op_", f"{prefix}_", 1)


def make_key(caller: Caller, method: str, path: str, idempotency_key: str, request: dict[str, Any]) -> Key:
    """The key of a request. It holds the principal, not the API key: rotating a key repeats no work."""
    seed = json.dumps([caller.principal, method, path, idempotency_key])
    suffix = b32encode(hashlib.sha256(seed.encode()).digest()).decode().lower()[:26]
    body = json.dumps(request, sort_keys=True)
    return Key(f"op_{suffix}", hashlib.sha256(body.encode()).hexdigest())


def find_replay(key: Key) -> Operation | None:
    """The operation that this key started before; raises `IdempotencyKeyReused` when another body did.

    Asked before anything is checked: a repeated request gets the same answer however the world has changed since.
    """
    known = store.find(key.operation_id)
    if known is not None and known.request_digest != key.request_digest:
        raise IdempotencyKeyReused(operation=known.id)
    if known is not None and known.state == "PENDING":
        durable.enqueue(known.id, workflows[known.kind].run, known.id)
    return known


def start(
    made: Workflow,
    key: Key,
    caller: Caller,
    project: str,
    request: dict[str, Any],
    record: Record,
    lock: str | None = None,
    is_new: bool = True,
) -> Operation:
    """Accept the work on `record` (`is_new`: insert it): one transaction with lock and event, then the engine.

    Raises `OperationInProgress` when another operation holds `lock`. Sent again, it finds the same operation; a crash
    between the transaction and the engine is mended by `resume_unstarted`.
    """
    operation = Operation(
        id=key.operation_id,
        kind=made.kind,
        project=project,
        principal=caller.principal,
        request_digest=key.request_digest,
        request=request,
        resource_kind=made.table.kind,
        resource_id=record.id,
    )
    action = f"{made.kind} requested"
    event = audit.event(caller.principal, action, project, record.id, operation.id, caller.request_id)
    stored, _ = store.insert(operation, lock, record if is_new else None, event)
    if stored.request_digest != key.request_digest:
        raise IdempotencyKeyReused(operation=stored.id)
    durable.enqueue(stored.id, made.run, stored.id)
    return stored


def resume_unstarted() -> None:
    """Hand to the engine whatever was accepted, or asked to stop, just before a crash; safe to repeat."""
    for operation in store.list_live():
        durable.enqueue(operation.id, workflows[operation.kind].run, operation.id)
        if operation.cancel_requested_by is not None:
            _stop(operation.id)


def cancel(caller: Caller, operation_id: str) -> Operation:
    """Stop the operation between steps, and the job run that it waits for; it ends as CANCELLED soon after.

    Raises `OperationAlreadyDone` for one that has ended otherwise; cancelling twice is the same as once.
    """
    operation = get(caller, operation_id)
    check(caller, operation.kind, operation.project)
    if operation.state == "CANCELLED":
        return operation
    event = audit.event(
        caller.principal, "cancel requested", operation.project, operation.resource_id, operation.id, caller.request_id
    )
    operation = store.request_cancel(operation_id, caller.principal, event)
    if operation.state not in LIVE:
        raise OperationAlreadyDone(operation=operation.id, state=operation.state)
    _stop(operation.id)
    return operation


def get(caller: Caller, operation_id: str) -> Operation:
    """The operation; raises `RecordNotFound` for one of a project that the caller cannot see."""
    operation = store.find(operation_id)
    if operation is None or operation.project not in list_projects(caller):
        raise RecordNotFound(kind="operation", id=operation_id)
    return operation


def list_page(caller: Caller, equal: dict[str, Any], after: str | None, size: int) -> Page[Operation]:
    """Newest first: the operations of the caller's projects."""
    return store.list_page(set(list_projects(caller)), equal, after, size)


def list_steps(operation_ids: list[str]) -> dict[str, list[Step]]:
    """The steps of each operation in the order in which they began."""
    return steps.list_steps(operation_ids)


def _stop(operation_id: str) -> None:
    durable.cancel(operation_id)
    durable.enqueue(f"{operation_id}.cancel", _cancel, operation_id)


@durable.workflow("operations.cancel")
async def _cancel(operation_id: str) -> None:
    """A cancelled workflow runs no more steps, so another one stops what it left running."""
    failures = []
    for name, function in (("cancel the job run", _cancel_run), ("undo", _undo)):
        try:
            await durable.step(name, function, operation_id, quiet=True)
        except Problem as problem:
            # What cannot be undone is told, and the operation ends all the same: it would hold its lock for ever.
            failures.append(f"{name}: {problem.detail}")
    await durable.step("end as cancelled", _end_as_cancelled, operation_id, failures, quiet=True)


def _cancel_run(operation_id: str) -> None:
    operation = store.find(operation_id)
    if operation is not None and operation.upstream_run is not None:
        runs.ensure_cancelled(operation.upstream_run["workspace"], operation.upstream_run["run_id"])


def _undo(operation_id: str) -> None:
    operation = store.find(operation_id)
    if operation is not None and operation.state in LIVE and (undo := workflows[operation.kind].undo) is not None:
        undo(operation)


def _end_as_cancelled(operation_id: str, failures: list[str]) -> None:
    operation = store.find(operation_id)
    if operation is None:
        return
    done = [step.name for step in steps.list_steps([operation_id])[operation_id] if step.state == "SUCCEEDED"]
    problem = OperationCancelled(principal=operation.cancel_requested_by, left_behind=[*done, *failures])
    end(operation_id, "CANCELLED", problem.as_dict())
