"""What is asked of the consumer's side: whose share to accept where, and who may use what it becomes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from app.domain import acceptances
from app.domain.operations import Key, Operation
from app.errors import (
    AudienceUnknown,
    CatalogNameTaken,
    CopyPlaceUnusable,
    LinkNotDeclared,
    PlanStale,
    ProjectNotFound,
    ShareNameTaken,
    ShareNotFound,
    WorkspaceNotFound,
    WorkspaceRetiring,
    WorkspaceRoleMismatch,
)
from app.http.conventions import plan
from app.http.conventions.bodies import OnConflict, Strictly
from app.http.conventions.bodies import Request as Body
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.idempotency import IdempotencyKey, accept, accepts
from app.http.conventions.live import look
from app.http.conventions.names import PlanDigest, Word
from app.http.conventions.operation import OperationBody
from app.http.conventions.plan import PlanBody
from app.http.conventions.problems import problems

router = APIRouter()
OWN = (
    AudienceUnknown,
    CatalogNameTaken,
    CopyPlaceUnusable,
    LinkNotDeclared,
    ProjectNotFound,
    ShareNameTaken,
    ShareNotFound,
    WorkspaceNotFound,
    WorkspaceRetiring,
    WorkspaceRoleMismatch,
)
IDENTIFIER = r"^[a-z]+:[a-z0-9-]+:[A-Za-z0-9-]+$"
Principal = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=255)]
SCHEMA = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"


class ProviderReference(Body):
    """Who shares: a linked workspace, or a partner; give one of them."""

    workspace: Word | SkipJsonSchema[None] = None
    """A workspace that is linked to the consumer; its metastore is found by sharing identifier, never by name."""
    sharing_identifier: Annotated[str, Field(pattern=IDENTIFIER, max_length=255)] | SkipJsonSchema[None] = None
    """The metastore of a Databricks partner whose workspaces are not run from here, as the project declares it."""

    @model_validator(mode="after")
    def _one_provider(self) -> ProviderReference:
        if (self.workspace is None) == (self.sharing_identifier is None):
            raise ValueError("give either workspace or sharing_identifier")
        return self


class AcceptanceRequest(Body):
    """Whose share to accept, and where."""

    project: Word
    workspace: Word
    """The consumer."""
    provider: ProviderReference
    audience: Word | SkipJsonSchema[None] = None
    """With a linked workspace: the audience of the project that the share is for, with the consumer in it."""
    share: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=100)] | SkipJsonSchema[None] = None
    """With a partner: the name of its share, one that the project declares."""
    catalog: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=255)] | SkipJsonSchema[None] = None
    """A catalog name that the project declares; by default the share's own, for a partner one with its name in it."""
    grant_to: Annotated[list[Principal], Field(max_length=50)] = []
    """Who may use the catalog beside the project's runner: application ids, users or groups, each a declared reader."""
    visible_within_seconds: Annotated[int, Field(ge=1, le=3600), Strictly] = acceptances.VISIBLE_SECONDS
    """How long to wait for the share, and then for what was published in it; `share-not-visible` when it is over."""
    keeps_copy: Annotated[bool, Field(alias="copy")] = False
    """Have every READY version copied into models that the consumer owns: they survive withdrawal, and take aliases."""
    copy_to: Annotated[str, Field(pattern=SCHEMA, max_length=255)] | SkipJsonSchema[None] = None
    """The `catalog.schema` for the copies, which the project declares; by default that of the project's volume."""
    plan_digest: PlanDigest | SkipJsonSchema[None] = None
    """The digest of the plan that was agreed to."""
    on_conflict: OnConflict = OnConflict.REJECT
    """What to do while another operation is changing the same thing; a plan does not depend on it."""

    @model_validator(mode="after")
    def _one_share(self) -> AcceptanceRequest:
        of_partner = self.provider.workspace is None
        if (self.share is None) == of_partner or (self.audience is None) != of_partner:
            raise ValueError("a linked workspace goes with an audience, a partner with a share")
        if self.copy_to is not None and not self.keeps_copy:
            raise ValueError("copy_to goes with copy")
        return self


@router.post("/acceptances", **accepts(PlanStale, *OWN))
async def create_acceptance(
    body: AcceptanceRequest, request: Request, response: Response, caller: CurrentCaller, key: IdempotencyKey
) -> OperationBody:
    """Make the share a catalog that the project's runner may use, and wait until what was published is visible."""
    asked = _request(body)

    async def begin(made: Key) -> Operation:
        work = (caller, made, asked, body.plan_digest, body.on_conflict)
        return await look(body.workspace, "looking at what to accept", acceptances.begin, *work)

    return await accept(request, response, caller, key, body, begin)


@router.post("/acceptances:plan", responses=problems(*OWN))
async def plan_acceptance(body: AcceptanceRequest, caller: CurrentCaller) -> PlanBody:
    """What accepting would do; nothing is stored."""
    made = await look(body.workspace, "looking at what to accept", acceptances.plan, caller, _request(body))
    return plan.render(made)


def _request(body: AcceptanceRequest) -> acceptances.Request:
    return acceptances.Request(
        project=body.project,
        workspace=body.workspace,
        provider_workspace=body.provider.workspace,
        audience=body.audience,
        sharing_identifier=body.provider.sharing_identifier,
        share=body.share,
        catalog=body.catalog,
        readers=body.grant_to,
        visible_within_seconds=body.visible_within_seconds,
        keeps_copy=body.keeps_copy,
        copy_to=body.copy_to,
    )
