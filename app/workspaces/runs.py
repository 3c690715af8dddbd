"""How does a job run stand, and how did it end? Mapped honestly: what was skipped or stopped is no success."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from databricks.sdk.service.jobs import Run as PlatformRun
from databricks.sdk.service.jobs import RunLifeCycleState, RunResultState, RunState

from app.errors import UpstreamNotFound
from app.workspaces import faults
from app.workspaces.clients import connected
from app.workspaces.pages import as_time

LAST_CHARACTERS = 2000
WAITING = {
    RunLifeCycleState.QUEUED,
    RunLifeCycleState.PENDING,
    RunLifeCycleState.BLOCKED,
    RunLifeCycleState.WAITING_FOR_RETRY,
}
ENDED = {RunLifeCycleState.TERMINATED, RunLifeCycleState.SKIPPED, RunLifeCycleState.INTERNAL_ERROR}
STOPPED = {RunResultState.CANCELED, RunResultState.UPSTREAM_CANCELED}


@dataclass(frozen=True)
class Run:
    """A job run. `ended_as` is the platform's own word (SUCCESS, FAILED, TIMEDOUT, SKIPPED …) once it has ended."""

    run_id: int
    task_run_id: int
    state: Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"]
    ended_as: str | None
    message: str
    page_url: str | None
    started_at: datetime | None
    ended_at: datetime | None


def get_run(workspace: str, run_id: int) -> Run:
    """The run as it stands now; raises `UpstreamNotFound` when the platform has no such run (they go after 60 days)."""
    with connected(workspace, f"reading job run {run_id}", _missing(workspace, run_id)) as client:
        return _as_run(run_id, client.jobs.get_run(run_id))


def get_error(workspace: str, run: Run) -> str:
    """What a failed run says of its end, the last of it; the platform's state message when the task left no word."""
    with connected(workspace, f"reading the output of job run {run.run_id}", _missing(workspace, run.run_id)) as client:
        # The task's run, since a parent's output is refused [SDK].
        output = client.jobs.get_run_output(run.task_run_id)
    said = output.error or output.logs or run.message or str(run.ended_as)
    return said.strip()[-LAST_CHARACTERS:]


def ensure_cancelled(workspace: str, run_id: int) -> None:
    """Ask for the run's end, which comes a little later; a run that has ended or is gone stays as it is."""
    with connected(workspace, f"cancelling job run {run_id}", _missing(workspace, run_id)) as client:
        client.jobs.cancel_run(run_id)


def _missing(workspace: str, run_id: int) -> UpstreamNotFound:
    return faults.make_missing(UpstreamNotFound, workspace, "job run", str(run_id))


def _as_run(run_id: int, run: PlatformRun) -> Run:
    task = run.tasks[0] if run.tasks else None
    own = run.state or RunState()
    ended = own.life_cycle_state in ENDED or (own.life_cycle_state is None and bool(run.end_time))
    # A parent whose task failed reads INTERNAL_ERROR with FAILED; the task itself tells how it ended [DOC cli].
    told = own
    if ended and task and task.state and task.state.life_cycle_state in ENDED:
        told = own if task.state.result_state is RunResultState.SUCCESS else task.state
    return Run(
        run_id=run_id,
        task_run_id=(task.run_id if task is not None else None) or run_id,
        state=_read_state(own, told, ended),
        ended_as=_read_end(told) if ended else None,
        message=(told.state_message or own.state_message or "").strip()[-LAST_CHARACTERS:],
        page_url=run.run_page_url,
        started_at=as_time(run.start_time),
        ended_at=as_time(run.end_time) if ended else None,
    )


def _read_state(
    own: RunState, told: RunState, ended: bool
) -> Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"]:
    if not ended:
        # A state that this SDK does not know reads as None: the run has not ended, so it is under way.
        return "PENDING" if own.life_cycle_state in WAITING else "RUNNING"
    if STOPPED & {own.result_state, told.result_state}:
        return "CANCELLED"
    whole = own.life_cycle_state is RunLifeCycleState.TERMINATED and own.result_state is RunResultState.SUCCESS
    return "SUCCEEDED" if whole and told is own else "FAILED"


def _read_end(told: RunState) -> str:
    word = told.result_state or told.life_cycle_state
    return word.value if word else "UNKNOWN"
