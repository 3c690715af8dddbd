"""Audience changes: who reads an audience's share becomes what the configuration declares, planned and on record."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.domain import audience_changes, records
from app.domain.audience_changes import AudienceChange
from app.domain.operations import Key, Operation
from app.errors import (
    ApprovalMissing,
    AudienceMismatch,
    AudienceUnknown,
    LinkNotDeclared,
    ModelVersionNotFound,
    NotForExternal,
    OperationInProgress,
    PageTokenInvalid,
    PermissionDenied,
    PlanStale,
    PolicyUnmet,
    ProjectNotFound,
    ProviderTaken,
    RecipientNameTaken,
    RecordNotFound,
    ShareNameTaken,
    ShareNotFound,
    SigningKeyUnusable,
    WholeModelRefused,
    WorkspaceNotFound,
    WorkspaceRetiring,
    WorkspaceRoleMismatch,
)
from app.http.conventions import pages, plan
from app.http.conventions.bodies import OnConflict, Time
from app.http.conventions.bodies import Request as Body
from app.http.conventions.bodies import Response as Answer
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.idempotency import IdempotencyKey, accept, accepts
from app.http.conventions.live import look
from app.http.conventions.names import PlanDigest, Word
from app.http.conventions.operation import OperationBody
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.plan import PlanBody
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["audience_changes"])
ACTION = "looking at the audience's share"
OWN = (
    ApprovalMissing,
    AudienceMismatch,
    AudienceUnknown,
    LinkNotDeclared,
    ModelVersionNotFound,
    NotForExternal,
    OperationInProgress,
    PermissionDenied,
    PolicyUnmet,
    ProjectNotFound,
    ProviderTaken,
    RecipientNameTaken,
    ShareNameTaken,
    ShareNotFound,
    SigningKeyUnusable,
    WholeModelRefused,
    WorkspaceNotFound,
    WorkspaceRetiring,
    WorkspaceRoleMismatch,
)


class AudienceChangeRequest(Body):
    """Whose share's readers to bring to what the configuration declares."""

    project: Word
    workspace: Word
    """Where the share is: the provider's."""
    audience: Word
    plan_digest: PlanDigest | SkipJsonSchema[None] = None
    """The digest of the plan that was agreed to."""
    on_conflict: OnConflict = OnConflict.REJECT
    """What to do while another operation is changing the same audience; a plan does not depend on it."""


class Gain(Answer):
    """Somebody who is let in, and what that shows it."""

    recipient: str
    sharing_identifier: str
    gains: list[str]


class Loss(Answer):
    """Somebody who is shut out, and what that takes from it."""

    recipient: str
    sharing_identifier: str | None
    """Null when the recipient itself is gone, or stands for no metastore."""
    loses: list[str]


class AudienceChangePlan(PlanBody):
    """What changing the audience would do."""

    gains: list[Gain]
    losses: list[Loss]


class AudienceChangeBody(Answer):
    """One change of who reads an audience's share."""

    id: str
    project: str
    operation_id: str
    state: str = Field(examples=["SUCCEEDED"])
    """`PENDING`, `SUCCEEDED`, `FAILED` or `CANCELLED`."""
    workspace: str
    audience: str
    share: str
    granted: list[Gain]
    """Who was let in, or saw more; empty until it is done."""
    revoked: list[Loss]
    """Who was shut out; empty until it is done. The recipients themselves stay."""
    tables_added: list[str]
    tables_removed: list[str]
    created_by: str
    created_at: Time
    updated_at: Time


class AudienceChangePage(PageBody):
    """Audience changes, newest first."""

    items: list[AudienceChangeBody]


@router.post("/audience-changes", **accepts(PlanStale, *OWN))
async def create_audience_change(
    body: AudienceChangeRequest, request: Request, response: Response, caller: CurrentCaller, key: IdempotencyKey
) -> OperationBody:
    """Let in who is declared and does not read the share yet, and shut out who reads it and is not declared.

    It takes a publisher; shutting out somebody whom Causeway never let in takes an admin. Who is let in sees what was
    published before: each version is held to the audience's policy and approvals as if it were published now.
    """
    place = (body.project, body.workspace, body.audience)

    async def begin(made: Key) -> Operation:
        last = (body.plan_digest, body.on_conflict)
        return await look(body.workspace, ACTION, audience_changes.begin, caller, made, *place, *last)

    return await accept(request, response, caller, key, body, begin)


@router.post("/audience-changes:plan", responses=problems(*OWN))
async def plan_audience_change(body: AudienceChangeRequest, caller: CurrentCaller) -> AudienceChangePlan:
    """Who would gain and who would lose what; nothing is stored."""
    place = (body.project, body.workspace, body.audience)
    return plan.render(await look(body.workspace, ACTION, audience_changes.plan, caller, *place), AudienceChangePlan)


@router.get("/audience-changes", responses=problems(PageTokenInvalid))
def list_audience_changes(
    caller: CurrentCaller,
    project: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of this project.")] = None,
    workspace: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only there.")] = None,
    audience: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of it.")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> AudienceChangePage:
    """The audience changes of the caller's projects, newest first."""
    asked = pages.read("audience-changes", page_token, project=project, workspace=workspace, audience=audience)
    page = records.list_page(caller, AudienceChange, asked.equal, asked.after, page_size)
    return AudienceChangePage(items=[_render(one) for one in page.items], next_page_token=asked.encode(page.after))


@router.get("/audience-changes/{audience_change_id:id}", responses=problems(RecordNotFound))
def get_audience_change(audience_change_id: str, caller: CurrentCaller) -> AudienceChangeBody:
    """The change: who was let in, and who was shut out."""
    return _render(records.get(caller, AudienceChange, audience_change_id))


def _render(record: AudienceChange) -> AudienceChangeBody:
    found = {"granted": [], "revoked": [], "tables_added": [], "tables_removed": [], **record.outcome}
    return AudienceChangeBody.model_validate({**record.model_dump(), **found})
