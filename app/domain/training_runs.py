"""Training: AutoML over a file in a volume, in the workspace where the data is, as the project's runner."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from app.domain import data_files, jobs
from app.domain.access import Caller, Name, check, check_active
from app.domain.jobs import Job
from app.domain.operations import REJECT, Key, Operation, start
from app.domain.plans import Change, Check, Plan, require
from app.domain.workflows import Outcome, Work, register
from app.errors import ColumnMissing, TrainingFailed
from app.store.training_runs import TrainingRun as TrainingRun

# Ours: for a search that its trials alone limit, and for reading, profiling and registering beside any search.
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
    volume = data_files.get_volume_name(training.project, training.workspace, training.data)
    check(
        caller,
        "train",
        training.project,
        Name("model", training.workspace, training.model),
        Name("data", training.workspace, volume),
    )
    check_active(training.workspace)
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


def begin(
    caller: Caller, key: Key, training: Training, plan_digest: str | None, on_conflict: str = REJECT
) -> Operation:
    """Check as `plan` does, then accept the training; one training of a registered model at a time."""
    require(plan(caller, training), plan_digest)
    asked = asdict(training)
    # Kept with the operation: the configuration may change while it is under way.
    runner, volume = (find(training.project, training.workspace) for find in (jobs.get_runner, jobs.get_volume))
    record = TrainingRun(
        id=key.record_id("trn"),
        project=training.project,
        operation_id=key.operation_id,
        created_by=caller.principal,
        workspace=training.workspace,
        model=training.model,
        request=asked,
    )
    request = {"training": asked, "runner": runner, "volume": volume}
    lock = f"{training.workspace}/models/{training.model}"
    work = (train, key, caller, training.project, request, record, lock)
    return start(*work, workspaces=[training.workspace], on_conflict=on_conflict)


@register("train", TrainingRun)
async def train(work: Work) -> Outcome:
    """Run the training job as the runner, and keep what it found out."""
    asked = work.request["training"]
    training = Training(**asked)
    parameters = {
        **{name: value for name, value in asked.items() if name != "workspace"},
        "operation_id": work.id,
        # Directly below /Shared: the platform makes no parent folder for an experiment [3P].
        "experiment": f"/Shared/causeway-{training.project}",
        "tags": {"causeway_operation": work.id, "causeway_project": training.project},
    }
    budget = training.budget_seconds or WITHOUT_BUDGET_SECONDS
    job = Job(
        name="train",
        workspace=training.workspace,
        volume=work.request["volume"],
        parameters=parameters,
        run_as=work.request["runner"],
        refused=TrainingFailed,
        timeout_seconds=budget + BESIDE_SEARCH_SECONDS,
    )
    result = await jobs.run(work, job)
    return Outcome({"state": "SUCCEEDED", "version": result["version"], "outcome": result})


def _check_columns(training: Training) -> list[str]:
    """The columns of a CSV file; other kinds are read by the job alone."""
    columns = data_files.list_columns(training.workspace, training.data)
    if not columns:
        return []
    wanted = [training.target, *training.exclude, *([training.time_column] if training.time_column else [])]
    for column in wanted:
        if column not in columns:
            raise ColumnMissing(data=training.data, column=column, columns=", ".join(columns[:50]))
    return columns
