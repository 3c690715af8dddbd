"""Publications: a vetted copy of a model version for one audience; publish, list, withdraw."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.domain import publication_requests, publications, records
from app.domain.access import Caller
from app.domain.operations import Key, Operation
from app.domain.publication_requests import Publishing
from app.domain.publications import Publication
from app.errors import (
    ApprovalMissing,
    AudienceChangePending,
    AudienceMismatch,
    AudienceUnknown,
    DependenciesNotShared,
    LinkNotDeclared,
    ModelVersionNotFound,
    ModelVersionNotReady,
    NotForExternal,
    PageTokenInvalid,
    PlanStale,
    PolicyUnmet,
    ProjectNotFound,
    ProviderTaken,
    PublishedNameTaken,
    RecipientNameTaken,
    RecordNotFound,
    ShareNameTaken,
    ShareNotFound,
    SharingUnavailable,
    SignatureMissing,
    SigningKeyUnusable,
    WorkspaceNotFound,
    WorkspaceRetiring,
    WorkspaceRoleMismatch,
)
from app.http.conventions import pages
from app.http.conventions.bodies import OnConflict, Strictly, Time
from app.http.conventions.bodies import Request as Body
from app.http.conventions.bodies import Response as Answer
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.idempotency import IdempotencyKey, accept, accepts
from app.http.conventions.live import look
from app.http.conventions.names import FullName, PlanDigest, Word
from app.http.conventions.operation import OperationBody
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["publications"])
OWN = (
    ApprovalMissing,
    AudienceChangePending,
    AudienceMismatch,
    AudienceUnknown,
    DependenciesNotShared,
    LinkNotDeclared,
    ModelVersionNotFound,
    ModelVersionNotReady,
    NotForExternal,
    PolicyUnmet,
    ProjectNotFound,
    ProviderTaken,
    PublishedNameTaken,
    RecipientNameTaken,
    ShareNameTaken,
    ShareNotFound,
    SharingUnavailable,
    SignatureMissing,
    SigningKeyUnusable,
    WorkspaceNotFound,
    WorkspaceRetiring,
    WorkspaceRoleMismatch,
)
UNKNOWN: dict[str, Any] = {
    "shared_as": None,
    "recipients": [],
    "files": [],
    "policy": [],
    "scan": None,
    "findings": [],
    "approved_by": [],
    "subject_digest": None,
    "mlflow": None,
}
"""What a publication says until it knows better."""


class PublicationMode(StrEnum):
    """What the audience is to see.

    `vetted-copy`: a copy of one version, and nothing else. `whole-model`: what the platform itself does: the model with
    every version that it has and will have. Nothing is copied; the bytes that `version` has then are what is promised.
    """

    VETTED_COPY = "vetted-copy"
    WHOLE_MODEL = "whole-model"


class PublicationRequest(Body):
    """Which version to publish, and for whom."""

    project: Word
    workspace: Word
    """Where the model is."""
    model: FullName
    version: Annotated[int, Field(ge=1, le=2**31 - 1), Strictly]
    audience: Word
    """A named set of recipients that the project declares."""
    mode: PublicationMode = PublicationMode.VETTED_COPY
    include_dependencies: bool = False
    """Whether tables and functions that the version needs come into the share with it, where they are not in it yet."""
    plan_digest: PlanDigest | SkipJsonSchema[None] = None
    """The digest of the plan that was agreed to."""
    on_conflict: OnConflict = OnConflict.REJECT
    """What to do while another operation is changing the same thing; a plan does not depend on it."""


class SourceVersion(Answer):
    """The version that was published."""

    workspace: str
    model: str
    version: int


class PublishedVersion(Answer):
    """Its vetted copy, whose number is another: version 7 may be version 3 of the copy."""

    model: str
    version: int | None
    """Null until the copy is there."""


class PublicationRecipient(Answer):
    """A metastore that sees what is published."""

    workspace: str | None
    """Null for a partner's, which is known by its sharing identifier alone."""
    sharing_identifier: str
    name: str | None
    """The recipient's name in the source's workspace."""
    same_metastore: bool
    """Whether it is the source's own metastore, where the platform's `self` stands for it."""
    workspaces: list[str]
    """The project's workspaces on the metastore: all of them see it together. A plan names those of the audience."""
    is_ours: bool
    """Whether Causeway made the recipient, or an admin adopted it; others' are used, and never deleted."""


class CopiedFile(Answer):
    """One file of the copy, the same as in its source."""

    path: str
    size: int
    sha256: str


class PolicyRule(Answer):
    """A rule of the audience's policy, as it was judged before the version was copied."""

    rule: str = Field(examples=["metrics.rmse"])
    seen: str
    needed: str
    met: bool


class UnsafeCode(Answer):
    """What unpickling a file of the version would import."""

    file: str
    imported: str = Field(examples=["posix.system"])
    severity: str
    """`dangerous`, or `unreadable` for a pickle that nobody can read to its end; others may come."""


class PublicationBody(Answer):
    """A model version for one audience."""

    id: str
    project: str
    operation_id: str
    state: str = Field(examples=["ACTIVE"])
    """`PENDING`, `ACTIVE`, `FAILED`, `CANCELLED` or `WITHDRAWN`."""
    source: SourceVersion
    published: PublishedVersion
    digest: str | None
    """SHA-256 over the manifest of all files; it follows the model. Null until the copy is there."""
    audience: str
    mode: str
    """`vetted-copy` or `whole-model`; of the latter nothing is copied, and digest and files are the source's own."""
    share: str
    shared_as: str | None
    """The `schema.model` by which consumers see it in their catalog; null until it is in the share."""
    recipients: list[PublicationRecipient]
    """Who sees it; empty until it is published."""
    files: list[CopiedFile]
    """The manifest; empty until the copy is there."""
    policy: list[PolicyRule]
    """The rules that it was held to; empty where its audience has none, and until they are judged."""
    scan: bool | None
    """Whether its files were looked at for unsafe pickle code; null until it is published."""
    findings: list[UnsafeCode]
    """The unsafe code for which it was not published."""
    approved_by: list[str]
    """Who else had approved exactly this."""
    subject_digest: str | None
    """What they approved; null where nobody had to."""
    signed: bool
    """Whether the copy's manifest is signed; `/signature` has the signature."""
    mlflow: str | None
    """The version of mlflow that made the copy; null until it is there."""
    created_by: str
    created_at: Time
    updated_at: Time


class PublicationPage(PageBody):
    """Publications, newest first."""

    items: list[PublicationBody]


@router.post("/publications", **accepts(PlanStale, *OWN))
async def create_publication(
    body: PublicationRequest, request: Request, response: Response, caller: CurrentCaller, key: IdempotencyKey
) -> OperationBody:
    """Publish a version for an audience: copied, proved, shared and read back. Again, it finds the same copy."""

    async def begin(made: Key) -> Operation:
        return await look(body.workspace, "looking at what to publish", _begin, caller, made, body)

    return await accept(request, response, caller, key, body, begin)


@router.get("/publications", responses=problems(PageTokenInvalid))
def list_publications(
    caller: CurrentCaller,
    project: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of this project.")] = None,
    workspace: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only from there.")] = None,
    model: Annotated[str | SkipJsonSchema[None], Query(max_length=255, description="Only of this model.")] = None,
    audience: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only for it.")] = None,
    state: Annotated[str | SkipJsonSchema[None], Query(max_length=40, description="Only in this state.")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> PublicationPage:
    """The publications of the caller's projects, newest first."""
    asked = pages.read(
        "publications", page_token, project=project, workspace=workspace, model=model, audience=audience, state=state
    )
    page = records.list_page(caller, Publication, asked.equal, asked.after, page_size)
    items = [_render(record) for record in page.items]
    return PublicationPage(items=items, next_page_token=asked.encode(page.after))


@router.get("/publications/{publication_id:id}", responses=problems(RecordNotFound))
def get_publication(publication_id: str, caller: CurrentCaller) -> PublicationBody:
    """The publication: its source, its copy, and who sees it."""
    return _render(records.get(caller, Publication, publication_id))


def _begin(caller: Caller, key: Key, body: PublicationRequest) -> Operation:
    return publications.begin(caller, key, make_publishing(caller, body), body.plan_digest, body.on_conflict)


def make_publishing(caller: Caller, body: PublicationRequest, action: str = publication_requests.PUBLISH) -> Publishing:
    """What the request names, once the caller may do `action` with it."""
    names = (body.project, body.workspace, body.model, body.version, body.audience)
    return publication_requests.make(
        caller,
        *names,
        action=action,
        include_dependencies=body.include_dependencies,
        whole=body.mode is PublicationMode.WHOLE_MODEL,
    )


def _render(record: Publication) -> PublicationBody:
    source = SourceVersion(workspace=record.workspace, model=record.model, version=record.version)
    published = PublishedVersion(model=record.published_model, version=record.published_version)
    found = {**UNKNOWN, **record.outcome, "signed": bool(record.outcome.get("signature"))}
    found["mode"] = PublicationMode.WHOLE_MODEL if record.is_whole_model else PublicationMode.VETTED_COPY
    return PublicationBody.model_validate({**record.model_dump(), **found, "source": source, "published": published})
