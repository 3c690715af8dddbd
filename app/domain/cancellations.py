"""Stopping an operation: a workflow of its own stops what was left running, takes back what it can, tells the rest."""

from __future__ import annotations

from datetime import UTC, datetime

from app import durable
from app.domain import audit
from app.domain.workflows import end, workflows
from app.errors import OperationCancelled, Problem, WorkspaceConflict
from app.store import operations as store
from app.store import steps, transitions
from app.store.operations import LIVE, Operation
from app.workspaces import runs

NAME = "operations.cancel"
UNDO = "undo"
# A step makes few calls, each with a limit of half of this.
IN_FLIGHT_SECONDS = 60


def workflow_id(operation: Operation) -> str:
    """The workflow that stops this attempt of the operation."""
    return f"{operation.id}.cancel-{operation.attempt}"


def request(principal: str, operation: Operation, request_id: str | None = None) -> Operation:
    """Note who wants the operation stopped, and begin to; one that has ended stays as it is. Safe to repeat."""
    told = ("cancel requested", operation.project, operation.resource_id, operation.id, request_id)
    found = transitions.request_cancel(operation.id, principal, audit.event(principal, *told))
    if found.state in LIVE:
        begin(found)
    return found


def begin(operation: Operation) -> None:
    """Stop the operation's workflow between its steps and have another clear up after it; safe to repeat."""
    durable.cancel(operation.id)
    durable.enqueue(workflow_id(operation), NAME, operation.id)


def end_with(operation_id: str, failures: list[str]) -> None:
    """End the operation as CANCELLED, and say what it had done and what could not be stopped or taken back."""
    operation = store.find(operation_id)
    if operation is None:
        return
    done = [
        step.name
        for step in steps.list_steps([operation_id])[operation_id]
        if step.state == "SUCCEEDED" and step.name not in _STEPS
    ]
    problem = OperationCancelled(principal=operation.cancel_requested_by, left_behind=[*done, *failures])
    end(operation_id, "CANCELLED", problem.as_dict())


@durable.workflow(NAME)
async def _cancel(operation_id: str) -> None:
    """A cancelled workflow runs no more steps, so this one stops what it left running."""
    failures = []
    for name, function in _STEPS.items():
        try:
            await durable.step(name, function, operation_id)
        except Problem as problem:
            # What cannot be undone is told, and the operation ends all the same: it would hold its lock for ever.
            failures.append(f"{name}: {problem.detail}")
    await durable.step("end as cancelled", end_with, operation_id, failures, quiet=True)


def _cancel_run(operation_id: str) -> None:
    operation = store.find(operation_id)
    if operation is not None and operation.upstream_run is not None:
        runs.ensure_cancelled(operation.upstream_run["workspace"], operation.upstream_run["run_id"])


def _undo(operation_id: str) -> None:
    operation = store.find(operation_id)
    if operation is not None and operation.state in LIVE and (undo := workflows[operation.kind].undo) is not None:
        _refuse_in_flight(operation)
        undo(operation)


def _refuse_in_flight(operation: Operation) -> None:
    """Raise the retryable `WorkspaceConflict` while a step may be writing yet: what it writes is not there to be seen.

    A cancel stops the workflow between its steps, and a step that is under way runs to its end. One whose process died
    never tells its end; by then its last call has ended, too.
    """
    told = steps.list_steps([operation.id])[operation.id]
    begun_at = next(step.started_at for step in told if step.name == UNDO)
    others = {step.name for step in told if step.state == "RUNNING"} - _STEPS.keys()
    busy = sorted(others - durable.list_waits(operation.id)) if others else []
    if busy and (datetime.now(UTC) - begun_at).total_seconds() < IN_FLIGHT_SECONDS:
        raise WorkspaceConflict(workspace=operation.workspaces[0], action=f"taking back what was done: {busy[0]}")


_STEPS = {"cancel the job run": _cancel_run, UNDO: _undo}
