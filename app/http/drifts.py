"""Drift: where a workspace is not as it should be; listed as the last reconciliations found it, healed when asked."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from starlette.concurrency import run_in_threadpool

from app.domain import records, remedies
from app.domain.drifts import KINDS, Drift
from app.domain.operations import Key, Operation
from app.errors import (
    DriftChanged,
    PageTokenInvalid,
    PlanStale,
    RecordNotActive,
    RecordNotFound,
    RemedyNotOffered,
    WorkspaceNotFound,
)
from app.http.conventions import pages, plan
from app.http.conventions.bodies import Request as Body
from app.http.conventions.bodies import Response as Answer
from app.http.conventions.bodies import Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.idempotency import IdempotencyKey, accept, accepts
from app.http.conventions.names import PlanDigest
from app.http.conventions.operation import COLLECTIONS, OperationBody
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.plan import PlanBody
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["drifts"])
OWN = (DriftChanged, RecordNotActive, RecordNotFound, RemedyNotOffered)


class RemedyName(StrEnum):
    """`put-back` makes the workspace as it was promised; `accept` makes what was found the new promise."""

    PUT_BACK = "put-back"
    ACCEPT = "accept"


class RemedyRequest(Body):
    """Which of the drift's remedies to apply."""

    remedy: RemedyName
    plan_digest: PlanDigest | SkipJsonSchema[None] = None
    """The digest of the plan that was agreed to."""


class RemedyOffer(Answer):
    """A remedy that the drift has."""

    name: str = Field(examples=["put-back"])
    """`put-back` or `accept`."""
    effect: str
    """What it would do, in plain words."""


class DriftObject(Answer):
    """What differs."""

    workspace: str
    kind: str = Field(examples=["share"])
    name: str


class DriftRecord(Answer):
    """The record whose promise is not kept."""

    kind: str
    id: str
    url: str


class DriftBody(Answer):
    """One difference between what was promised and what a workspace says."""

    id: str
    """The same for the same difference, however often it is found."""
    project: str
    kind: str = Field(examples=["share-gone"])
    """What kind of difference; further kinds may come."""
    severity: str = Field(examples=["HIGH"])
    """`CRITICAL`: something is seen that must not be. `HIGH`: something promised does not work. `MEDIUM`: it will
    stop. `LOW`: it is only untidy. Others may come."""
    state: str = Field(examples=["OPEN"])
    """`OPEN`, `REMEDIED`, or `GONE` when a later look did not find it; others may come."""
    object: DriftObject
    wanted: str
    found: str
    record: DriftRecord | None
    """Null when no record speaks of the object."""
    remedies: list[RemedyOffer]
    """Empty when Causeway cannot heal it: then `advice` says who can."""
    advice: str
    known_since: Time
    """When it was first found; found again after it was gone, it begins anew."""
    seen_at: Time
    """When it was told last."""
    reconciliation_id: str
    """The reconciliation that found it last."""


class DriftPage(PageBody):
    """Drift, the newest first."""

    items: list[DriftBody]


@router.get("/drifts", responses=problems(PageTokenInvalid))
def list_drifts(
    caller: CurrentCaller,
    project: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of this project.")] = None,
    workspace: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only there.")] = None,
    severity: Annotated[str | SkipJsonSchema[None], Query(max_length=20, description="Only of this one.")] = None,
    kind: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of this kind.")] = None,
    state: Annotated[str | SkipJsonSchema[None], Query(max_length=20, description="Only in this state.")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> DriftPage:
    """The drift of the caller's projects as it is known, in one query; no workspace is asked."""
    filters = {"project": project, "workspace": workspace, "severity": severity, "drift_kind": kind, "state": state}
    asked = pages.read("drifts", page_token, **filters)
    page = records.list_page(caller, Drift, asked.equal, asked.after, page_size)
    return DriftPage(items=[render(one) for one in page.items], next_page_token=asked.encode(page.after))


@router.get("/drifts/{drift_id:id}", responses=problems(RecordNotFound))
def get_drift(drift_id: str, caller: CurrentCaller) -> DriftBody:
    """The drift: what was wanted, what was found, and what can be done about it."""
    return render(records.get(caller, Drift, drift_id))


@router.post("/drifts/{drift_id:id}/remedies", **accepts(PlanStale, WorkspaceNotFound, *OWN))
async def create_remedy(
    drift_id: str,
    body: RemedyRequest,
    request: Request,
    response: Response,
    caller: CurrentCaller,
    key: IdempotencyKey,
) -> OperationBody:
    """Heal the drift as asked, as it is now: it is looked at again before anything is done, and when it is done."""

    async def begin(made: Key) -> Operation:
        work = (caller, made, drift_id, body.remedy, body.plan_digest)
        return await run_in_threadpool(remedies.begin, *work)

    return await accept(request, response, caller, key, body, begin)


@router.post("/drifts/{drift_id:id}/remedies:plan", responses=problems(*OWN))
def plan_remedy(drift_id: str, body: RemedyRequest, caller: CurrentCaller) -> PlanBody:
    """What the remedy would do to the difference as it is now; nothing of it is stored."""
    return plan.render(remedies.plan(caller, drift_id, body.remedy))


def render(drift: Drift) -> DriftBody:
    """The drift as callers see it; remedies of kinds that this release does not know are not offered."""
    known = KINDS[drift.drift_kind].remedies if drift.drift_kind in KINDS else {}
    offers = [RemedyOffer(name=name, effect=known[name].effect) for name in drift.remedies if name in known]
    thing = DriftObject(workspace=drift.workspace, kind=drift.object_kind, name=drift.object_name)
    told = {"kind": drift.drift_kind, "object": thing, "remedies": offers, "record": _render_record(drift)}
    return DriftBody.model_validate({**drift.model_dump(), **told})


def _render_record(drift: Drift) -> DriftRecord | None:
    if drift.record_kind is None or drift.record_id is None:
        return None
    url = f"/v1/{COLLECTIONS[drift.record_kind]}/{drift.record_id}"
    return DriftRecord(kind=drift.record_kind, id=drift.record_id, url=url)
