"""What may be done to a workflow from any process: enqueue, cancel, rewind, forget, and ask how it stands."""

from __future__ import annotations

import time
from collections.abc import Iterable
from enum import Enum

from dbos import EnqueueOptions
from dbos._error import DBOSException, DBOSNonExistentWorkflowError

from app.durable.engine import CONTRACT, QUEUE, client
from app.durable.steps import NOTE


class State(Enum):
    """How the engine sees a workflow; one that it does not know has none."""

    LIVE = "live"
    ENDED = "ended"


PATIENCE_SECONDS = 2.0
LOOK_EVERY_SECONDS = 0.05
_LIVE = {"ENQUEUED", "DELAYED", "PENDING"}


def enqueue(workflow_id: str, name: str, argument: str) -> None:
    """Have the workflow run once; enqueueing the same id again changes nothing, even after its end."""
    options: EnqueueOptions = {
        "queue_name": QUEUE,
        "workflow_name": name,
        "workflow_id": workflow_id,
        "app_version": CONTRACT,
    }
    client().enqueue(options, argument)


def cancel(workflow_id: str) -> None:
    """Stop the workflow between its steps, and its wait at once; a finished one is left as it is."""
    client().cancel_workflow(workflow_id)


def find_retry_point(workflow_id: str) -> tuple[int, list[str]]:
    """The number of the step at which a retry begins, and the names of the steps that it will run again.

    It is the step that failed, or the one that this, a step that took something back, or one that is to be renewed,
    names as `again_from`. Where no step tells, it is the first: every step converges.
    """
    steps = client().list_workflow_steps(workflow_id)
    numbers = {step["function_name"]: step["function_id"] for step in steps}
    points = []
    for step in steps:
        outcome = step["output"]
        if isinstance(outcome, dict) and ("problem" in outcome or outcome.get("again_from")):
            points.append(numbers.get(outcome.get("again_from", ""), step["function_id"]))
    point = min(points, default=1)
    return point, [step["function_name"] for step in steps if step["function_id"] >= point]


def list_waits(workflow_id: str) -> set[str]:
    """The names of the waits that the workflow has begun; other than its steps, a cancel interrupts them at once."""
    names = [step["function_name"] for step in client().list_workflow_steps(workflow_id)]
    return {name.removeprefix(NOTE) for name in names if name.startswith(NOTE)}


def rewind(workflow_id: str, step: int) -> bool:
    """Run a workflow that has ended again from the step of this number; answers whether it could.

    It could not while the workflow is live: the engine notes an end a moment after the workflow's last step, which is
    waited for, or when the process that ran it is dead, whoever takes over does.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while list_states([workflow_id]).get(workflow_id) is State.LIVE:
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_EVERY_SECONDS)
    try:
        client().rewind_workflow(workflow_id, start_step=step, queue_name=QUEUE)
    except DBOSNonExistentWorkflowError:
        raise
    except DBOSException:
        # Somebody else rewound it first: "only a workflow in a terminal state can be rewound".
        return False
    return True


def forget(workflow_ids: Iterable[str]) -> None:
    """Delete all that the engine knows of these workflows; their ids could then be enqueued anew."""
    client().delete_workflows(list(workflow_ids))


def list_states(workflow_ids: list[str]) -> dict[str, State]:
    """How each of these workflows stands; one that the engine does not know is left out."""
    found: dict[str, State] = {}
    for first in range(0, len(workflow_ids), 500):
        some = workflow_ids[first : first + 500]
        for workflow in client().list_workflows(workflow_ids=some, load_input=False, load_output=False):
            found[workflow.workflow_id] = State.LIVE if workflow.status in _LIVE else State.ENDED
    return found
