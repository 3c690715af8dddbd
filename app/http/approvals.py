"""Approvals: that somebody else agrees to exactly what is to be done."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field, JsonValue
from pydantic.json_schema import SkipJsonSchema

from app.domain import approvals, publication_requests, vetting
from app.domain.access import Caller
from app.domain.approvals import Approval
from app.errors import (
    AudienceUnknown,
    ModelVersionNotFound,
    ModelVersionNotReady,
    NotForExternal,
    PageTokenInvalid,
    PolicyUnmet,
    ProjectNotFound,
    SignatureMissing,
    SubjectChanged,
    WorkspaceNotFound,
    WorkspaceRoleMismatch,
)
from app.http.conventions import pages
from app.http.conventions.bodies import Request as Body
from app.http.conventions.bodies import Response as Answer
from app.http.conventions.bodies import Strictly, Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.live import look
from app.http.conventions.names import FullName, Word
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["approvals"])


class ApprovalRequest(Body):
    """What is agreed to: the names of what is to be published, and the digest that its plan gave."""

    action: Literal["publish"]
    """What would be done."""
    project: Word
    workspace: Word
    model: FullName
    version: Annotated[int, Field(ge=1, le=2**31 - 1), Strictly]
    audience: Word
    include_dependencies: bool = False
    """As the publication asks for it."""
    subject_digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    """The `subject_digest` of the plan that the approver has looked at."""


class ApprovalBody(Answer):
    """That one person agreed to one thing; it counts for exactly that, and for nobody's own request."""

    id: str
    project: str
    action: str
    principal: str
    """Who agreed."""
    subject_digest: str
    subject: dict[str, JsonValue]
    """What the digest stands for: names, readers, all that travels, and the identity of the version's files."""
    created_at: Time


class ApprovalPage(PageBody):
    """Approvals, newest first."""

    items: list[ApprovalBody]


@router.post(
    "/approvals",
    status_code=201,
    responses=problems(
        AudienceUnknown,
        ModelVersionNotFound,
        ModelVersionNotReady,
        NotForExternal,
        PolicyUnmet,
        ProjectNotFound,
        SignatureMissing,
        SubjectChanged,
        WorkspaceNotFound,
        WorkspaceRoleMismatch,
    ),
)
async def create_approval(body: ApprovalRequest, caller: CurrentCaller) -> ApprovalBody:
    """Agree to a publication that somebody else asks for; again, it is the same approval. For persons only."""
    made = await look(body.workspace, "looking at what to approve", _approve, caller, body)
    return ApprovalBody.model_validate(made)


@router.get("/approvals", responses=problems(PageTokenInvalid))
def list_approvals(
    caller: CurrentCaller,
    project: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of this project.")] = None,
    subject_digest: Annotated[
        str | SkipJsonSchema[None], Query(max_length=100, description="Only of exactly this.")
    ] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> ApprovalPage:
    """The approvals of the caller's projects, newest first."""
    asked = pages.read("approvals", page_token, project=project, subject_digest=subject_digest)
    page = approvals.list_page(caller, asked.equal, asked.after, page_size)
    items = [ApprovalBody.model_validate(approval) for approval in page.items]
    return ApprovalPage(items=items, next_page_token=asked.encode(page.after))


def _approve(caller: Caller, body: ApprovalRequest) -> Approval:
    names = (body.project, body.workspace, body.model, body.version, body.audience)
    publishing = publication_requests.make(
        caller, *names, action=approvals.ACTION, include_dependencies=body.include_dependencies
    )
    return vetting.approve(caller, publishing, body.subject_digest)
