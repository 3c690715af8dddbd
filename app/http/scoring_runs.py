"""Scoring runs: ad-hoc predictions of a model version, on rows in the request or on a file in a volume."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, JsonValue, model_validator
from pydantic.json_schema import SkipJsonSchema
from starlette.concurrency import run_in_threadpool

from app.domain import records, scoring_runs
from app.domain.scoring_runs import Scoring, ScoringRun
from app.errors import (
    BodyTooLarge,
    DataEmpty,
    DataNotFound,
    FileTooLarge,
    InputRejected,
    ModelVersionNotFound,
    ModelVersionNotReady,
    PageTokenInvalid,
    PlanStale,
    ProjectNotFound,
    RecordNotActive,
    RecordNotFound,
    SignatureInvalid,
    SignatureMissing,
    SigningKeyUnusable,
    WorkspaceNotFound,
    WorkspaceRetiring,
    WorkspaceRoleMismatch,
)
from app.http.conventions import pages, plan
from app.http.conventions.bodies import Request as Body
from app.http.conventions.bodies import Response as Answer
from app.http.conventions.bodies import Strictly, Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.idempotency import IdempotencyKey, accept, accepts
from app.http.conventions.live import look
from app.http.conventions.names import FullName, PlanDigest, Word
from app.http.conventions.operation import OperationBody, OperationState
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.plan import PlanBody
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["scoring_runs"])
OWN = (
    BodyTooLarge,
    DataEmpty,
    DataNotFound,
    InputRejected,
    ModelVersionNotFound,
    ModelVersionNotReady,
    ProjectNotFound,
    SignatureInvalid,
    SignatureMissing,
    SigningKeyUnusable,
    WorkspaceNotFound,
    WorkspaceRetiring,
    WorkspaceRoleMismatch,
)
Column = Annotated[str, Field(min_length=1, max_length=255)]
Real = Annotated[float, Field(allow_inf_nan=False)]
Row = dict[Column, str | int | Real | bool | None]


class ScoringRunRequest(Body):
    """Which version to score with, and on what: give `rows` or `data`."""

    project: Word
    workspace: Word
    """Where the model is, and where the job runs."""
    model: FullName
    version: Annotated[int, Field(ge=1, le=2**31 - 1), Strictly]
    rows: Annotated[list[Row], Field(min_length=1, max_length=10_000)] | SkipJsonSchema[None] = None
    """Each an object of plain values by the model's column names; they are kept in the project's volume alone."""
    data: (
        Annotated[str, Field(max_length=1000, examples=["/Volumes/main/bikes/files/rides.csv"])] | SkipJsonSchema[None]
    ) = None
    """A CSV file with a header, or a JSON file with `dataframe_split`, in a volume."""
    plan_digest: PlanDigest | SkipJsonSchema[None] = None
    """The digest of the plan that was agreed to."""

    @model_validator(mode="after")
    def _one_input(self) -> ScoringRunRequest:
        if (self.rows is None) == (self.data is None):
            raise ValueError("give either rows or data")
        return self


class ScoringRunBody(Answer):
    """A scoring run; what it predicted is at `/predictions`, for invokers alone."""

    id: str
    project: str
    operation_id: str
    state: OperationState
    workspace: str
    model: str
    version: int
    input_path: str
    """The file that was scored."""
    output_path: str
    """The file of the predictions."""
    outcome: dict[str, JsonValue]
    """Rows, the digest of the model's bytes, the versions of its packages; empty until it has succeeded."""
    created_by: str
    created_at: Time
    updated_at: Time


class ScoringRunPage(PageBody):
    """Scoring runs, newest first."""

    items: list[ScoringRunBody]


class PredictionPage(PageBody):
    """Predictions in the order of the input's rows."""

    items: list[JsonValue]


@router.post("/scoring-runs", **accepts(PlanStale, *OWN))
async def create_scoring_run(
    body: ScoringRunRequest, request: Request, response: Response, caller: CurrentCaller, key: IdempotencyKey
) -> OperationBody:
    """Score rows or a file with a model version, by a job that runs as the project's runner where the model is."""
    scoring = _scoring(body)
    return await accept(
        request,
        response,
        caller,
        key,
        body,
        lambda made: look(
            body.workspace, "looking at the model", scoring_runs.begin, caller, made, scoring, body.plan_digest
        ),
    )


@router.post("/scoring-runs:plan", responses=problems(*OWN))
async def plan_scoring_run(body: ScoringRunRequest, caller: CurrentCaller) -> PlanBody:
    """What the scoring would do; nothing is stored."""
    made = await look(body.workspace, "looking at the model", scoring_runs.plan, caller, _scoring(body))
    return plan.render(made)


@router.get("/scoring-runs", responses=problems(PageTokenInvalid))
def list_scoring_runs(
    caller: CurrentCaller,
    project: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of this project.")] = None,
    model: Annotated[str | SkipJsonSchema[None], Query(max_length=255, description="Only of this model.")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> ScoringRunPage:
    """The scoring runs of the caller's projects, newest first."""
    asked = pages.read("scoring-runs", page_token, project=project, model=model)
    page = records.list_page(caller, ScoringRun, asked.equal, asked.after, page_size)
    items = [ScoringRunBody.model_validate(record) for record in page.items]
    return ScoringRunPage(items=items, next_page_token=asked.encode(page.after))


@router.get("/scoring-runs/{scoring_run_id:id}", responses=problems(RecordNotFound))
def get_scoring_run(scoring_run_id: str, caller: CurrentCaller) -> ScoringRunBody:
    """The scoring run: its state, and what it used."""
    return ScoringRunBody.model_validate(records.get(caller, ScoringRun, scoring_run_id))


@router.get(
    "/scoring-runs/{scoring_run_id:id}/predictions",
    responses=problems(RecordNotFound, RecordNotActive, DataNotFound, FileTooLarge, PageTokenInvalid),
)
async def list_predictions(
    scoring_run_id: str,
    caller: CurrentCaller,
    page_size: Annotated[int, Query(ge=1, le=10_000, description="How many items a page holds at most.")] = 1000,
    page_token: PageToken = None,
) -> PredictionPage:
    """What was predicted, in the order of the rows, read from the project's volume now; for invokers alone."""
    run = await run_in_threadpool(records.get, caller, ScoringRun, scoring_run_id, scoring_runs.ACTION)
    first = int(pages.decode(page_token, "predictions", {"run": run.id}) or 0)
    items, count = await look(
        run.workspace, "reading predictions", scoring_runs.list_predictions, run, first, page_size
    )
    after = str(first + page_size) if first + page_size < count else None
    return PredictionPage(items=items, next_page_token=pages.encode(after, "predictions", {"run": run.id}))


def _scoring(body: ScoringRunRequest) -> Scoring:
    return Scoring(**body.model_dump(exclude={"plan_digest"}))
