"""Reconciliations: what was promised held against what the workspaces say now, when asked and on a schedule."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, JsonValue
from pydantic.json_schema import SkipJsonSchema
from starlette.concurrency import run_in_threadpool

from app.domain import reconciliations, records
from app.domain.operations import Key, Operation
from app.domain.reconciliations import Reconciled, Reconciliation
from app.errors import PageTokenInvalid, ProjectNotFound, RecordNotFound, WorkspaceNotFound, WorkspaceRetiring
from app.http.conventions import pages
from app.http.conventions.bodies import Request as Body
from app.http.conventions.bodies import Response as Answer
from app.http.conventions.bodies import Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.idempotency import IdempotencyKey, accept, accepts
from app.http.conventions.names import Word
from app.http.conventions.operation import OperationBody, OperationState
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems
from app.http.drifts import DriftBody, render

router = APIRouter(prefix="/v1", tags=["reconciliations"])


class ReconciliationRequest(Body):
    """What to look at."""

    project: Word
    workspace: Word | SkipJsonSchema[None] = None
    """Only there; every workspace of the project that is not retiring when left out."""
    deep: bool = False
    """Whether every byte of the vetted copies is read, too, by a job where they are; it costs what it reads."""


class ReconciledWorkspace(Answer):
    """One workspace as the reconciliation found it."""

    workspace: str
    state: str = Field(examples=["KNOWN"])
    """`KNOWN`; `UNKNOWN`: it did not answer, and what was known of it still stands; `PARTIAL`: so with some kinds.

    Others may come."""
    kinds_missed: list[str]
    """The kinds of drift that could not be looked for, or not everywhere; what was known of them still stands."""
    new: int
    """How much drift was found there that was not known before."""
    problem: dict[str, JsonValue] | None
    """What kept it from being known, the first of several; null for one that is known."""


class DriftCounts(Answer):
    """How much drift was found, by severity."""

    total: int
    critical: int
    high: int
    medium: int
    low: int


class ReconciliationSummary(Answer):
    """A reconciliation, without the drift that it found."""

    id: str
    project: str
    operation_id: str
    state: OperationState
    workspaces: list[ReconciledWorkspace]
    """Empty until it has ended."""
    counts: DriftCounts
    created_by: str
    """`causeway` for those on a schedule."""
    created_at: Time
    updated_at: Time


class ReconciliationBody(ReconciliationSummary):
    """A reconciliation and the drift that it found."""

    drifts: list[DriftBody]
    """As each stands now, by workspace and kind; it may have been remedied since."""


class ReconciliationPage(PageBody):
    """Reconciliations, newest first."""

    items: list[ReconciliationSummary]


@router.post("/reconciliations", **accepts(ProjectNotFound, WorkspaceNotFound, WorkspaceRetiring))
async def create_reconciliation(
    body: ReconciliationRequest, request: Request, response: Response, caller: CurrentCaller, key: IdempotencyKey
) -> OperationBody:
    """Compare records and configuration with the workspaces. It changes nothing in them, and needs no plan."""

    async def begin(made: Key) -> Operation:
        asked = (caller, made, body.project, body.workspace)
        return await run_in_threadpool(partial(reconciliations.begin, *asked, deep=body.deep))

    return await accept(request, response, caller, key, body, begin)


@router.get("/reconciliations", responses=problems(PageTokenInvalid))
def list_reconciliations(
    caller: CurrentCaller,
    project: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of this project.")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> ReconciliationPage:
    """The reconciliations of the caller's projects, newest first."""
    asked = pages.read("reconciliations", page_token, project=project)
    page = records.list_page(caller, Reconciliation, asked.equal, asked.after, page_size)
    items = [ReconciliationSummary.model_validate(_tell(record)) for record in page.items]
    return ReconciliationPage(items=items, next_page_token=asked.encode(page.after))


@router.get("/reconciliations/{reconciliation_id:id}", responses=problems(RecordNotFound))
def get_reconciliation(reconciliation_id: str, caller: CurrentCaller) -> ReconciliationBody:
    """The reconciliation: which workspaces answered, and what was not as it should be."""
    found: Reconciled = reconciliations.get(caller, reconciliation_id)
    drifts = [render(one) for one in found.drifts]
    return ReconciliationBody.model_validate({**_tell(found.record), "drifts": drifts})


def _tell(record: Reconciliation) -> dict[str, object]:
    counts = record.outcome.get("counts", {})
    by_severity = {name: counts.get(name.upper(), 0) for name in ("critical", "high", "medium", "low")}
    parts = [{"kinds_missed": [], **part} for part in record.outcome.get("parts", [])]
    told = {"workspaces": parts, "counts": {**by_severity, "total": sum(counts.values())}}
    return {**record.model_dump(), **told}
