"""Running our own code inside a workspace as part of an operation: parameters in, a job run, a result out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from app import configuration, durable
from app.domain.workflows import Work
from app.errors import DataNotFound, JobFailed, OperationProblem, WorkspaceRoleMismatch
from app.store import operations as store
from app.store import transitions
from app.workspaces import files, jobs, runs

POLL_SECONDS = 1.0
# A run ends by its own time-out, which the platform keeps; queueing and the start of its compute come before it [INF].
BEFORE_RUN_SECONDS = 30 * 60
RESULT_LIMIT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Job:
    """One job: `name` is train, copy, score or verify; `run_as` None is control itself, which loads no model.

    `refused` is the problem that stands for an error the job itself reports: it has `message` and `reason`.
    """

    name: str
    workspace: str
    volume: str
    parameters: dict[str, Any]
    run_as: str | None
    refused: type[OperationProblem]
    timeout_seconds: int
    requirements: list[str] | None = field(default=None)


def folder(volume: str, operation_id: str, name: str) -> str:
    """Where a job finds its parameters and leaves its result."""
    return f"/Volumes/{volume.replace('.', '/')}/operations/{operation_id}/{name}"


def get_runner(project: str, workspace: str) -> str:
    """The identity that runs the project's code there; raises `WorkspaceRoleMismatch`."""
    return _required(configuration.current().projects[project].runners, project, workspace, "runner")


def get_volume(project: str, workspace: str) -> str:
    """The project's volume there; raises `WorkspaceRoleMismatch`."""
    return _required(configuration.current().projects[project].volumes, project, workspace, "volume")


def first_step(name: str) -> str:
    """Where the job of this name begins, and begins again when the operation is tried again."""
    return f"write the parameters of the {name} job"


async def run(work: Work, job: Job) -> dict[str, Any]:
    """Run the job once, whatever breaks, and return its result.

    The platform knows the run by a token made of operation, job and attempt, so that a step that runs again after a
    crash or a lost answer finds the run that it started. Raises `job.refused` for an error that the job reports, and
    `JobFailed` for any other bad end.
    """
    await durable.step(first_step(job.name), _write, work, job)
    run_id = await durable.step(f"start the {job.name} job", _start, work, job)
    state = await durable.wait(
        f"wait for the {job.name} job",
        _poll,
        job.workspace,
        run_id,
        every_seconds=POLL_SECONDS,
        deadline_seconds=BEFORE_RUN_SECONDS + job.timeout_seconds,
        what={"action": f"The {job.name} job", "workspace": job.workspace},
    )
    name, again_from = f"read the result of the {job.name} job", first_step(job.name)
    result: dict[str, Any] = await durable.step(name, _read, work, job, run_id, state, again_from=again_from)
    return result


def _write(work: Work, job: Job) -> None:
    place = folder(job.volume, work.id, job.name)
    # An earlier attempt's result would be taken for this one's.
    files.remove(job.workspace, f"{place}/result.json")
    files.ensure_content(job.workspace, f"{place}/parameters.json", json.dumps(job.parameters).encode())


def _start(work: Work, job: Job) -> int:
    wheel = jobs.ensure_wheel(job.workspace)
    requirements = job.requirements if job.requirements is not None else jobs.get_pins(job.name)
    run_id = jobs.ensure_submitted(
        job.workspace,
        f"causeway-{job.name}",
        name=f"causeway {job.name} {work.id}",
        folder=folder(job.volume, work.id, job.name),
        dependencies=[wheel, *requirements],
        run_as=job.run_as,
        idempotency_token=f"{work.id}-{job.name}-{store.get(work.id).attempt}",
        timeout_seconds=job.timeout_seconds,
    )
    if transitions.note_upstream_run(work.id, {"workspace": job.workspace, "run_id": run_id}):
        # The wish to cancel came while the run was being started: nobody else knows of the run.
        runs.ensure_cancelled(job.workspace, run_id)
    return run_id


def _poll(workspace: str, run_id: int) -> durable.Waiting | str:
    found = runs.get_run(workspace, run_id)
    if found.state in {"PENDING", "RUNNING"}:
        return durable.Waiting(f"job run {run_id} is {found.state}")
    return found.state


def _read(work: Work, job: Job, run_id: int, state: str) -> dict[str, Any]:
    path = f"{folder(job.volume, work.id, job.name)}/result.json"
    try:
        result = json.loads(files.get_content(job.workspace, path, limit_bytes=RESULT_LIMIT_BYTES))
    except DataNotFound:
        result = {}
    error = result.get("error")
    if error is not None:
        fields = {name: value for name, value in error.items() if name not in {"code", "detail"}}
        raise job.refused(**fields, reason=error["code"], message=error["detail"])
    if state != "SUCCEEDED" or not result:
        found = runs.get_run(job.workspace, run_id)
        said = runs.get_error(job.workspace, found).rstrip(".")
        raise JobFailed(
            job=job.name, workspace=job.workspace, run_id=run_id, run_state=str(found.ended_as), job_error=said
        )
    return dict(result)


def _required(declared: dict[str, str], project: str, workspace: str, setting: str) -> str:
    if workspace not in declared:
        raise WorkspaceRoleMismatch(workspace=workspace, setting=f"{setting} for project {project}")
    return declared[workspace]
