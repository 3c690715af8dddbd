"""Training runs: train with AutoML; profile, trials, the best model beside a baseline."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, JsonValue, model_validator
from pydantic.json_schema import SkipJsonSchema

from app.domain import records, training_runs
from app.domain.operations import Key, Operation
from app.domain.training_runs import Training, TrainingRun
from app.errors import (
    ColumnMissing,
    DataEmpty,
    DataNotFound,
    PageTokenInvalid,
    PlanStale,
    ProjectNotFound,
    RecordNotFound,
    WorkspaceNotFound,
    WorkspaceRetiring,
    WorkspaceRoleMismatch,
)
from app.http.conventions import pages, plan
from app.http.conventions.bodies import OnConflict, Strictly, Time
from app.http.conventions.bodies import Request as Body
from app.http.conventions.bodies import Response as Answer
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.idempotency import IdempotencyKey, accept, accepts
from app.http.conventions.live import look
from app.http.conventions.operation import OperationBody, OperationState
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.plan import PlanBody
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["training_runs"])
OWN = (
    ColumnMissing,
    DataEmpty,
    DataNotFound,
    ProjectNotFound,
    WorkspaceNotFound,
    WorkspaceRetiring,
    WorkspaceRoleMismatch,
)
FullName = Annotated[str, Field(pattern=r"^[\w-]+\.[\w-]+\.[\w-]+$", max_length=255)]
Column = Annotated[str, Field(min_length=1, max_length=255)]
Trials = Annotated[int, Field(ge=2, le=10_000), Strictly]


class TrainingRunRequest(Body):
    """What to train. Give `budget_seconds` or `max_trials`; with `max_trials` and a `seed` the winner is the same."""

    project: Annotated[str, Field(max_length=60)]
    workspace: Annotated[str, Field(max_length=60)]
    data: Annotated[str, Field(max_length=1000, examples=["/Volumes/main/bikes/files/rides.csv"])]
    """A file in a volume."""
    target: Column
    """The column to predict."""
    model: FullName
    """The registered model that gets the new version."""
    exclude: Annotated[list[Column], Field(max_length=1000)] = []
    """Columns that must not become features, such as parts of the target."""
    time_column: Column | SkipJsonSchema[None] = None
    """Order by this column and hold out the latest rows, in place of a random part."""
    holdout_fraction: Annotated[float, Field(gt=0, lt=0.9)] = 0.2
    """The part that no search sees, for the metrics."""
    learners: Annotated[list[Literal["lgbm", "histgb", "rf", "extra_tree"]], Field(min_length=1, max_length=4)] = [
        "lgbm",
        "histgb",
        "rf",
        "extra_tree",
    ]
    """The model families to try."""
    budget_seconds: Annotated[int, Field(ge=5, le=86_400), Strictly] | SkipJsonSchema[None] = None
    """How long to search."""
    max_trials: Trials | SkipJsonSchema[None] = None
    """How many configurations to try, one after another; FLAML tries none when it may try one."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1), Strictly] = 7
    baseline_categories: Annotated[list[Column], Field(max_length=100)] | SkipJsonSchema[None] = None
    """The columns that the linear baseline one-hot encodes; by default text and integers of few values."""
    plan_digest: Annotated[str, Field(max_length=100)] | SkipJsonSchema[None] = None
    """The digest of the plan that was agreed to."""
    on_conflict: OnConflict = OnConflict.REJECT
    """What to do while another operation is changing the same thing; a plan does not depend on it."""

    @model_validator(mode="after")
    def _one_budget(self) -> TrainingRunRequest:
        if (self.budget_seconds is None) == (self.max_trials is None):
            raise ValueError("give either budget_seconds or max_trials")
        return self


class TrainingRunBody(Answer):
    """A training run and, once it has succeeded, what it found."""

    id: str
    project: str
    operation_id: str
    state: OperationState
    workspace: str
    model: str
    version: int | None
    """The registered version; null until it is there."""
    request: dict[str, JsonValue]
    """What was asked for."""
    outcome: dict[str, JsonValue]
    """Metrics beside the baseline's, best parameters, trials, profile, signature; empty until it has succeeded."""
    created_by: str
    created_at: Time
    updated_at: Time


class TrainingRunPage(PageBody):
    """Training runs, newest first."""

    items: list[TrainingRunBody]


@router.post("/training-runs", **accepts(PlanStale, *OWN))
async def create_training_run(
    body: TrainingRunRequest, request: Request, response: Response, caller: CurrentCaller, key: IdempotencyKey
) -> OperationBody:
    """Train with AutoML, as the project's runner, where the data is, and register the best model."""
    training = _training(body)

    async def begin(made: Key) -> Operation:
        work = (caller, made, training, body.plan_digest, body.on_conflict)
        return await look(body.workspace, "looking at the data", training_runs.begin, *work)

    return await accept(request, response, caller, key, body, begin)


@router.post("/training-runs:plan", responses=problems(*OWN))
async def plan_training_run(body: TrainingRunRequest, caller: CurrentCaller) -> PlanBody:
    """What the training would do; nothing is stored."""
    made = await look(body.workspace, "looking at the data", training_runs.plan, caller, _training(body))
    return plan.render(made)


@router.get("/training-runs", responses=problems(PageTokenInvalid))
def list_training_runs(
    caller: CurrentCaller,
    project: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of this project.")] = None,
    model: Annotated[str | SkipJsonSchema[None], Query(max_length=255, description="Only of this model.")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> TrainingRunPage:
    """The training runs of the caller's projects, newest first."""
    asked = pages.read("training-runs", page_token, project=project, model=model)
    page = records.list_page(caller, TrainingRun, asked.equal, asked.after, page_size)
    items = [TrainingRunBody.model_validate(record) for record in page.items]
    return TrainingRunPage(items=items, next_page_token=asked.encode(page.after))


@router.get("/training-runs/{training_run_id:id}", responses=problems(RecordNotFound))
def get_training_run(training_run_id: str, caller: CurrentCaller) -> TrainingRunBody:
    """The training run: its state, and what it found."""
    return TrainingRunBody.model_validate(records.get(caller, TrainingRun, training_run_id))


def _training(body: TrainingRunRequest) -> Training:
    return Training(**body.model_dump(mode="json", exclude={"plan_digest", "on_conflict"}))
