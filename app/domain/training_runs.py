"""Training: AutoML over a file in a volume, in the workspace where the data is, as the project's runner."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import asdict, dataclass

from app.domain import jobs
from app.domain.access import Caller, Name, check
from app.domain.jobs import Job
from app.domain.operations import Key, Operation, start
from app.domain.plans import Change, Check, Plan, require
from app.domain.workflows import Outcome, Work, register
from app.errors import ColumnMissing, DataEmpty, DataNotFound, NotInProject, TrainingFailed
from app.store.training_runs import TrainingRun as TrainingRun
from app.workspaces import files

VOLUME_PATH = re.compile(r"/Volumes/([\w-]+)/([\w-]+)/([\w-]+)/((?:[^/\x00]+/)*[^/\x00]+)")
HEADER_BYTES = 64 * 1024
WITHOUT_BUDGET_SECONDS = 3600
BESIDE_SEARCH_SECONDS = 1800


@dataclass(frozen=True)
class Training:
    """What to train: on which data, for which target, how long, and under which name to register the best model."""

    project: str
    workspace: str
    data: str
    target: str
    model: str
    exclude: list[str]
    time_column: str | None
    holdout_fraction: float
    learners: list[str]
    budget_seconds: int | None
    max_trials: int | None
    seed: int
    baseline_categories: list[str] | None


def plan(caller: Caller, training: Training) -> Plan:
    """Look at names, rights and the data's header; raises the problem of whatever is not in order."""
    volume = get_volume_name(training.project, training.workspace, training.data)
    check(
        caller,
        "train",
        training.project,
        Name("model", training.workspace, training.model),
        Name("data", training.workspace, volume),
    )
    runner = jobs.get_runner(training.project, training.workspace)
    jobs.get_volume(training.project, training.workspace)
    columns = _check_columns(training)
    return Plan(
        checks=[
            Check("names are the project's", f"{training.data}, {training.model}"),
            Check("data can be read", f"columns {', '.join(columns)}" if columns else "header is read by the job"),
        ],
        changes=[
            Change("run", training.workspace, "job", "train", f"as {runner}"),
            Change("create", training.workspace, "model version", training.model),
        ],
    )


def begin(caller: Caller, key: Key, training: Training, plan_digest: str | None) -> Operation:
    """Check as `plan` does, then accept the training; one training of a registered model at a time."""
    require(plan(caller, training), plan_digest)
    request = asdict(training)
    record = TrainingRun(
        id=key.record_id("trn"),
        project=training.project,
        operation_id=key.operation_id,
        created_by=caller.principal,
        workspace=training.workspace,
        model=training.model,
        request=request,
    )
    lock = f"{training.workspace}/models/{training.model}"
    return start(train, key, caller, training.project, request, record, lock)


@register("train", TrainingRun)
async def train(work: Work) -> Outcome:
    """Run the training job as the runner, and keep what it found out."""
    training = Training(**work.request)
    parameters = {
        **{name: value for name, value in work.request.items() if name not in {"workspace"}},
        "operation_id": work.id,
        "experiment": f"/Shared/causeway/{training.project}",
        "tags": {"causeway_operation": work.id, "causeway_project": training.project},
    }
    budget = training.budget_seconds or WITHOUT_BUDGET_SECONDS
    job = Job(
        name="train",
        workspace=training.workspace,
        volume=jobs.get_volume(training.project, training.workspace),
        parameters=parameters,
        run_as=jobs.get_runner(training.project, training.workspace),
        refused=TrainingFailed,
        timeout_seconds=budget + BESIDE_SEARCH_SECONDS,
    )
    result = await jobs.run(work, job)
    return Outcome({"state": "SUCCEEDED", "version": result["version"], "outcome": result})


def get_volume_name(project: str, workspace: str, path: str) -> str:
    """The volume of a path such as `/Volumes/main/bikes/files/rides.csv`; what is no such path is not the project's."""
    parts = VOLUME_PATH.fullmatch(path)
    if parts is None or {".", ".."} & set(path.split("/")):
        raise NotInProject(project=project, kind="data", name=path, workspace=workspace)
    return ".".join(parts.group(1, 2, 3))


def _check_columns(training: Training) -> list[str]:
    """The columns of a CSV file; other kinds are read by the job alone."""
    size = files.find_size(training.workspace, training.data)
    if size is None:
        raise DataNotFound(workspace=training.workspace, kind="file", name=training.data)
    if size == 0:
        raise DataEmpty(workspace=training.workspace, data=training.data)
    if not training.data.lower().endswith(".csv"):
        return []
    head = files.get_head(training.workspace, training.data, HEADER_BYTES).decode("utf-8", errors="replace")
    columns = next(csv.reader(io.StringIO(head)), [])
    wanted = [training.target, *training.exclude, *([training.time_column] if training.time_column else [])]
    for column in wanted:
        if column not in columns:
            raise ColumnMissing(data=training.data, column=column, columns=", ".join(columns[:50]))
    return columns
