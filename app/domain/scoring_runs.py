"""Scoring: ad-hoc predictions of one model version, by a job that runs as the project's runner in the model's own
environment.

Rows go to the project's volume before the operation is accepted, and are read from there alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from app import durable
from app.domain import data_files, jobs, model_versions, proofs, signatures
from app.domain.access import Caller, Name, check, check_active
from app.domain.jobs import Job
from app.domain.operations import Key, Operation, start
from app.domain.plans import Change, Check, Plan, require
from app.domain.proofs import Held
from app.domain.signatures import Row
from app.domain.workflows import Outcome, Work, register
from app.errors import RecordNotActive, ScoringFailed
from app.store.scoring_runs import ScoringRun as ScoringRun
from app.workspaces import files, model_files
from app.workspaces.model_files import Description

# Ours: the environment of the model is installed first, then the rows are scored.
TIMEOUT_SECONDS = 3600
ACTION = "score"


@dataclass(frozen=True)
class Scoring:
    """Which version to score with, and on what: `rows`, or a file `data` in a volume; one of them."""

    project: str
    workspace: str
    model: str
    version: int
    rows: list[Row] | None
    data: str | None


@dataclass(frozen=True)
class _Looked:
    """What looking found: the plan, and for rows the file's content; `digest` is what was published, if it was."""

    plan: Plan
    content: bytes | None
    digest: str | None


def plan(caller: Caller, scoring: Scoring) -> Plan:
    """Look at names, the version and the input against its signature; raises the problem of what is not in order."""
    return _look(caller, scoring).plan


def begin(caller: Caller, key: Key, scoring: Scoring, plan_digest: str | None) -> Operation:
    """Check as `plan` does, put the rows into the volume, then accept the scoring; what is kept of rows is no row.

    The file's name holds its digest: the same key sent twice at once with different rows cannot mix them up.
    """
    looked = _look(caller, scoring)
    require(looked.plan, plan_digest)
    # Kept with the operation: the configuration may change while it is under way.
    runner, volume = (find(scoring.project, scoring.workspace) for find in (jobs.get_runner, jobs.get_volume))
    folder = jobs.folder(volume, key.operation_id, ACTION)
    source: dict[str, Any] = {"path": scoring.data}
    if looked.content is not None and scoring.rows is not None:
        sha256 = hashlib.sha256(looked.content).hexdigest()
        source = {"path": f"{folder}/input-{sha256[:16]}.json", "rows": len(scoring.rows), "sha256": sha256}
        files.ensure_content(scoring.workspace, source["path"], looked.content)
    record = ScoringRun(
        id=key.record_id("scr"),
        project=scoring.project,
        operation_id=key.operation_id,
        created_by=caller.principal,
        workspace=scoring.workspace,
        model=scoring.model,
        version=scoring.version,
        input_path=source["path"],
        output_path=f"{folder}/predictions.json",
    )
    named = {name: getattr(scoring, name) for name in ("project", "workspace", "model", "version")}
    request = {**named, "input": source, "output": record.output_path, "digest": looked.digest}
    request |= {"runner": runner, "volume": volume}
    return start(score, key, caller, scoring.project, request, record, workspaces=[scoring.workspace])


@register("score", ScoringRun)
async def score(work: Work) -> Outcome:
    """Run the scoring job as the runner, in the environment that the model asks for."""
    request = work.request
    place = (request["workspace"], request["model"], request["version"])
    requirements = await durable.step("read the model's requirements", model_files.list_requirements, *place)
    parameters = {name: request[name] for name in ("model", "version", "digest", "output")}
    job = Job(
        name=ACTION,
        workspace=request["workspace"],
        volume=request["volume"],
        parameters={**parameters, "operation_id": work.id, "input": request["input"]["path"]},
        run_as=request["runner"],
        refused=ScoringFailed,
        timeout_seconds=TIMEOUT_SECONDS,
        requirements=requirements,
    )
    try:
        result = await jobs.run(work, job)
    except ScoringFailed as problem:
        held = Held(work.project, *place, digest=request["digest"])
        raise await proofs.name_files(problem, held) from problem
    return Outcome({"state": "SUCCEEDED", "outcome": {**result, "input": request["input"]}})


def list_predictions(run: ScoringRun, first: int, count: int) -> tuple[list[Any], int]:
    """So many predictions from the `first` on, in the input's order, and how many there are; read from the volume now.

    Raises `RecordNotActive` before the run has succeeded, `DataNotFound` when somebody removed the file, and
    `FileTooLarge`.
    """
    if run.state != "SUCCEEDED":
        raise RecordNotActive(id=run.id, state=run.state, needed="SUCCEEDED")
    predictions = json.loads(files.get_content(run.workspace, run.output_path))["predictions"]
    return predictions[first : first + count], len(predictions)


def _look(caller: Caller, scoring: Scoring) -> _Looked:
    check(caller, ACTION, scoring.project, Name("model", scoring.workspace, scoring.model))
    check_active(scoring.workspace)
    runner = jobs.get_runner(scoring.project, scoring.workspace)
    own_volume = jobs.get_volume(scoring.project, scoring.workspace)
    if scoring.data is not None:
        volume = data_files.get_volume_name(scoring.project, scoring.workspace, scoring.data)
        kind = "volume" if volume == own_volume else "data"
        check(caller, ACTION, scoring.project, Name(kind, scoring.workspace, volume))
    description = model_versions.get_description(scoring.workspace, scoring.model, scoring.version)
    content, found = _read_input(scoring, description)
    promise = proofs.find_promise(scoring.project, scoring.workspace, scoring.model, scoring.version)
    version = f"{scoring.model} version {scoring.version}"
    checks = [
        Check("names are the project's", ", ".join(filter(None, [scoring.model, scoring.data]))),
        Check("version is READY and has a signature", version),
        Check("input fits the signature", found),
        Check("bytes are those that were published", promise.told),
    ]
    job = Change("run", scoring.workspace, "job", ACTION, f"as {runner}, in the requirements of {version}")
    output = Change("create", scoring.workspace, "file", "predictions.json", f"in volume {own_volume}")
    return _Looked(Plan(checks, [job, output]), content, promise.digest)


def _read_input(scoring: Scoring, description: Description) -> tuple[bytes | None, str]:
    """The content of the input file where the request brings rows, and what was found, for people."""
    if scoring.rows is not None:
        columns, data = signatures.order(scoring.rows, description.inputs)
        content = json.dumps({"dataframe_split": {"columns": columns, "data": data}}).encode()
        return content, f"{len(data)} row(s) of {', '.join(columns)}"
    columns = data_files.list_columns(scoring.workspace, str(scoring.data))
    if not columns:
        return None, "the job reads it"
    signatures.check_columns(columns, description.inputs)
    return None, f"columns {', '.join(columns)}"
