"""The operation as callers see it: the one body that every 202 answers with."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, JsonValue

from app.domain import operations
from app.domain.operations import Operation, Step
from app.http.conventions.bodies import Response, Time

DONE = {"SUCCEEDED", "FAILED", "CANCELLED"}
COLLECTIONS = {
    "audience_change": "audience-changes",
    "training_run": "training-runs",
    "publication": "publications",
    "acceptance": "acceptances",
    "scoring_run": "scoring-runs",
    "deployment": "deployments",
    "reconciliation": "reconciliations",
    "drift": "drifts",
}


class OperationState(StrEnum):
    """Where an operation stands; closed for good."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class ResourceReference(Response):
    """The record that an operation makes or changes; its outcome lives there, typed."""

    kind: str = Field(examples=["publication"])
    """What kind of record; further kinds may come."""
    id: str = Field(examples=["pub_4q2mvg6l7w3x5y8z2a4b6c8d2e"])
    """Its id, known from the start."""
    url: str
    """Where it is read."""


class OperationStep(Response):
    """One step of the work, for people and for progress bars."""

    name: str
    """What the step does; names may be added in later releases."""
    state: str
    """`RUNNING`, `SUCCEEDED` or `FAILED`."""
    tries: int
    """How often it was tried; more than one after an upstream failure or a restart."""
    text: str
    """How it goes, for people."""
    error: dict[str, JsonValue] | None
    """The problem of the last try, null when there is none."""
    started_at: Time
    finished_at: Time | None


class OperationBody(Response):
    """Slow work that was accepted; poll it until `done`."""

    id: str
    kind: str = Field(examples=["publish"])
    """What is being done; further kinds may come."""
    project: str
    state: OperationState
    done: bool
    """Whether it has ended; a loop needs nothing else."""
    resource: ResourceReference
    steps: list[OperationStep]
    error: dict[str, JsonValue] | None
    """The problem that ended it, in the same form as an immediate one; null unless it failed or was cancelled."""
    attempt: int
    """1 at first, and one more for each `:retry`."""
    waiting_for: str | None
    """The operation that has what this one needs to lock; null when it stands in no line."""
    retry_url: str | None
    """Where a POST has the failed work go on from the step that failed; null unless it has failed."""
    requested_by: str
    created_at: Time
    updated_at: Time
    started_at: Time | None
    finished_at: Time | None


def render(operation: Operation) -> OperationBody:
    """The operation as callers see it."""
    return render_all([operation])[0]


def render_all(found: list[Operation]) -> list[OperationBody]:
    """The operations as callers see them, with two more reads for all of them."""
    steps = operations.list_steps([operation.id for operation in found])
    ahead = operations.list_ahead(found)
    return [_render(operation, steps[operation.id], ahead.get(operation.id)) for operation in found]


def _render(operation: Operation, steps: list[Step], waiting_for: str | None) -> OperationBody:
    url = f"/v1/{COLLECTIONS[operation.resource_kind]}/{operation.resource_id}"
    return OperationBody(
        id=operation.id,
        kind=operation.kind,
        project=operation.project,
        state=OperationState(operation.state),
        done=operation.state in DONE,
        resource=ResourceReference(kind=operation.resource_kind, id=operation.resource_id, url=url),
        steps=[OperationStep.model_validate(step) for step in steps],
        error=operation.error,
        attempt=operation.attempt,
        waiting_for=waiting_for,
        retry_url=f"/v1/operations/{operation.id}:retry" if operation.state == "FAILED" else None,
        requested_by=operation.principal,
        created_at=operation.created_at,
        updated_at=operation.updated_at,
        started_at=operation.started_at,
        finished_at=operation.finished_at,
    )
