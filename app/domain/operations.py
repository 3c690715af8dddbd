"""Slow work as one resource: accepted once, followed, cancelled, and taken up again after a crash."""

from __future__ import annotations

import hashlib
import json
from base64 import b32encode
from dataclasses import dataclass
from typing import Any

from app import durable
from app.domain import audit, cancellations
from app.domain.access import Caller, check, check_active, list_projects
from app.domain.workflows import Workflow, enqueue, workflows
from app.errors import (
    IdempotencyKeyExpired,
    IdempotencyKeyReused,
    OperationAlreadyDone,
    OperationNotRetryable,
    RecordNotFound,
)
from app.store import expired_keys, locks, steps, transitions
from app.store import operations as store
from app.store.operations import LIVE, Operation
from app.store.pages import Page
from app.store.records import Record
from app.store.steps import Step

__all__ = [
    "QUEUE",
    "REJECT",
    "Key",
    "Operation",
    "Page",
    "Step",
    "cancel",
    "find_replay",
    "get",
    "list_ahead",
    "list_page",
    "list_steps",
    "make_key",
    "retry",
    "rewind",
    "start",
]

# What becomes of a request whose lock another operation holds.
REJECT, QUEUE = "reject", "queue"


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

    Asked before anything is checked: a repeated request gets the same answer however the world has changed since, also
    when the operation has failed. Raises `IdempotencyKeyExpired` when it is no longer kept.
    """
    known = store.find(key.operation_id)
    if known is None and expired_keys.is_expired(key.operation_id):
        raise IdempotencyKeyExpired(operation=key.operation_id)
    if known is not None:
        if known.request_digest != key.request_digest:
            raise IdempotencyKeyReused(operation=known.id)
        enqueue(known)
    return known


def start(
    made: Workflow,
    key: Key,
    caller: Caller,
    project: str,
    request: dict[str, Any],
    record: Record,
    lock: str | None = None,
    *,
    workspaces: list[str],
    is_new: bool = True,
    begins: bool = True,
    on_conflict: str = REJECT,
    details: dict[str, Any] | None = None,
) -> Operation:
    """Accept the work on `record` (`is_new`: insert it): one transaction with lock and event, then the engine.

    Where another holds `lock` it raises `OperationInProgress`, or stands in line; sent again, it finds the same one.
    `workspaces` stay configured till its end; one that takes nothing that `begins` there raises `WorkspaceRetiring`.
    """
    check_active(*(workspaces if is_new and begins else []))
    operation = Operation(
        id=key.operation_id,
        kind=made.kind,
        project=project,
        principal=caller.principal,
        request_digest=key.request_digest,
        request=request,
        resource_kind=made.table.kind,
        resource_id=record.id,
        lock=lock,
        workspaces=list(dict.fromkeys(workspaces)),
    )
    told = (f"{made.kind} requested", project, record.id, operation.id, caller.request_id)
    event = audit.event(caller.principal, *told, **(details or {}))
    stored, _ = transitions.insert(operation, record if is_new else None, event, queue=on_conflict == QUEUE)
    if stored.request_digest != key.request_digest:
        raise IdempotencyKeyReused(operation=stored.id)
    enqueue(stored)
    return stored


def cancel(caller: Caller, operation_id: str) -> Operation:
    """Stop the operation between steps, and the job run that it waits for; it ends as CANCELLED soon after.

    Raises `OperationAlreadyDone` for one that has ended otherwise; cancelling twice is the same as once.
    """
    operation = get(caller, operation_id)
    _check(caller, operation)
    if operation.state == "CANCELLED":
        return operation
    operation = cancellations.request(caller.principal, operation, caller.request_id)
    if operation.state not in LIVE:
        raise OperationAlreadyDone(operation=operation.id, state=operation.state)
    return operation


def retry(caller: Caller, operation_id: str) -> Operation:
    """Run a failed operation again, as itself, from the step that failed, with a fresh attempt number.

    Raises `OperationNotRetryable` for one that has ended otherwise, and `OperationInProgress` when another one has its
    lock by now. One that runs is left as it is, so that asking twice is the same as once.
    """
    operation = get(caller, operation_id)
    _check(caller, operation)
    if operation.state == "FAILED":
        made = workflows[operation.kind]
        rewind_to, names = durable.find_retry_point(operation.id)
        changes: transitions.Changes = (
            [] if made.failed is not None else [(made.table, operation.resource_id, {"state": "PENDING"})]
        )
        action = f"{operation.kind} retried"
        event = audit.event(
            caller.principal, action, operation.project, operation.resource_id, operation.id, caller.request_id
        )
        operation, _ = transitions.retry(operation_id, rewind_to, names, changes, event)
        rewind(operation)
    if operation.state not in LIVE:
        raise OperationNotRetryable(operation=operation.id, state=operation.state)
    return operation


def rewind(operation: Operation) -> None:
    """Have the engine run the operation again, if that is still to be done; what cannot be done yet the sweep does."""
    if operation.rewind_to is not None and durable.rewind(operation.id, operation.rewind_to):
        transitions.note_rewound(operation.id)


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


def list_ahead(found: list[Operation]) -> dict[str, str]:
    """For each of these operations that stands in line: the operation that it waits for."""
    waiting = {one.id: one.lock for one in found if one.state == "PENDING" and one.lock is not None}
    holders = locks.list_holders(sorted(set(waiting.values())))
    ahead = {operation_id: holders.get(resource) for operation_id, resource in waiting.items()}
    return {operation_id: holder for operation_id, holder in ahead.items() if holder not in {None, operation_id}}


def _check(caller: Caller, operation: Operation) -> None:
    """The caller may do what the operation does."""
    action = workflows[operation.kind].action
    check(caller, operation.kind if action is None else action(operation), operation.project)
