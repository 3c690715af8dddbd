"""What keeps promises when nobody looks: whatever fell between our rows and the engine's is found and mended.

Every worker sweeps; two at once do no harm, because each mending is one that the way in or out would have made.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog

from app import durable, settings
from app.domain import cancellations, operations
from app.domain.workflows import end, enqueue, find_ahead
from app.errors import EngineFailure
from app.store import operations as store
from app.store import transitions
from app.store.operations import Operation

BATCH = 500
log = structlog.get_logger(__name__)


def sweep() -> None:
    """Start what was accepted and not begun, end what died in the engine, carry out wishes that a crash cut off."""
    live = store.list_live()
    # The engine is asked after our rows were read: what ends in between is no longer live, and the first end stands.
    states = durable.list_states([one for operation in live for one in _list_workflows(operation)])
    for operation in live:
        try:
            _mend(operation, states)
        except Exception:
            log.exception("sweep failed", operation=operation.id)


def purge() -> None:
    """Delete operations that ended longer ago than they are kept; records and audit events are never deleted.

    The engine forgets them first: a key whose operation the engine still knew would be answered with a workflow that
    never runs again.
    """
    before = datetime.now(UTC) - timedelta(days=settings.current().retention_days)
    while ended := store.list_ended_before(before, BATCH):
        found = [operation for operation_id in ended if (operation := store.find(operation_id)) is not None]
        durable.forget(one for operation in found for one in _list_workflows(operation))
        transitions.remove(ended)


def _mend(operation: Operation, states: dict[str, durable.State]) -> None:
    if operation.cancel_requested_by is not None:
        if states.get(cancellations.workflow_id(operation)) is durable.State.ENDED:
            cancellations.end_with(operation.id, ["The workflow engine gave up on the cancellation."])
        else:
            cancellations.begin(operation)
    elif operation.rewind_to is not None:
        operations.rewind(operation)
    elif operation.id not in states:
        enqueue(operation)
    elif states[operation.id] is durable.State.ENDED and find_ahead(operation) is None:
        log.error("the engine gave up on an operation", operation=operation.id)
        end(operation.id, "FAILED", EngineFailure(operation=operation.id).as_dict())


def _list_workflows(operation: Operation) -> list[str]:
    cancelled = f"{operation.id}.cancel-"
    return [operation.id, *(f"{cancelled}{attempt}" for attempt in range(1, operation.attempt + 1))]
