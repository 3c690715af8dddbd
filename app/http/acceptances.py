"""Acceptances: a provider's share as a catalog of the consumer; accept, list, give back."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema
from starlette.concurrency import run_in_threadpool

from app import settings
from app.domain import acceptances, records, returns
from app.domain.acceptances import Acceptance
from app.domain.operations import Key, Operation
from app.errors import (
    AcceptanceInUse,
    AudienceUnknown,
    CatalogNameTaken,
    LinkNotDeclared,
    PageTokenInvalid,
    PlanStale,
    ProjectNotFound,
    RecordNotActive,
    RecordNotFound,
    ShareNameTaken,
    ShareNotFound,
    WorkspaceNotFound,
    WorkspaceRetiring,
    WorkspaceRoleMismatch,
)
from app.http.conventions import etags, pages, plan
from app.http.conventions.bodies import OnConflict, Strictly, Time
from app.http.conventions.bodies import Request as Body
from app.http.conventions.bodies import Response as Answer
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.etags import UNCHANGED, IfNoneMatch
from app.http.conventions.idempotency import ConflictQuery, IdempotencyKey, accept, accepts
from app.http.conventions.live import look
from app.http.conventions.names import PlanDigest, Word
from app.http.conventions.operation import OperationBody
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.plan import PlanBody
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["acceptances"])
OWN = (
    AudienceUnknown,
    CatalogNameTaken,
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
Force = Annotated[bool, Query(description="Also while endpoints serve from the catalog; they are not looked for.")]
PlanQuery = Annotated[
    str | SkipJsonSchema[None], Query(max_length=100, description="The digest of the impact's plan that was agreed to.")
]


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
    plan_digest: PlanDigest | SkipJsonSchema[None] = None
    """The digest of the plan that was agreed to."""
    on_conflict: OnConflict = OnConflict.REJECT
    """What to do while another operation is changing the same thing; a plan does not depend on it."""

    @model_validator(mode="after")
    def _one_share(self) -> AcceptanceRequest:
        of_partner = self.provider.workspace is None
        if (self.share is None) == of_partner or (self.audience is None) != of_partner:
            raise ValueError("a linked workspace goes with an audience, a partner with a share")
        return self


class AcceptedProvider(Answer):
    """Who shares, as the consumer knows it."""

    workspace: str | None
    """The linked workspace; null for a partner."""
    sharing_identifier: str | None
    """Null in acceptances of before this was recorded."""
    name: str | None
    """The name that the platform gave the provider; null until the share is there."""
    same_metastore: bool | None
    """Whether both sides stand on one metastore, where the platform's `self` shares; null where it was not recorded."""


class VisibleVersion(Answer):
    """A version that the catalog shows."""

    version: int
    state: str
    """The platform's word, `READY` when usable."""
    seen_at: Time
    """When it was first seen there."""


class VisibleModel(Answer):
    """A model that the catalog shows."""

    model: str
    versions: list[VisibleVersion]


class CatalogWatch(Answer):
    """Who notices what comes and goes after the acceptance."""

    every_seconds: float
    """How often the catalog is looked into, while the acceptance is active; 0 for never."""
    problem: str | None = Field(examples=["workspace-unavailable"])
    """The code of what keeps it from being looked into; null when the last look went well."""


class AcceptanceBody(Answer):
    """A provider's share as a catalog of the consumer."""

    id: str
    project: str
    operation_id: str
    state: str = Field(examples=["ACTIVE"])
    """`PENDING`, `ACTIVE`, `FAILED`, `CANCELLED` or `GIVEN_BACK`."""
    workspace: str
    provider: AcceptedProvider
    audience: str | None
    """Null for a partner's share."""
    share: str
    catalog: str
    made_catalog: bool | None
    """Whether Causeway made the catalog for this project, and so removes it when it is given back; null until then."""
    runner: str | None
    """The identity that may use the catalog; null until it may."""
    readers: list[str]
    """Who else was to be let in: the request's `grant_to`. What was granted for that goes when it is given back."""
    also_seen_in: list[str]
    """The project's other workspaces on the consumer's metastore: the catalog is seen in all of them."""
    models: list[VisibleModel]
    """What the catalog shows: what is published or withdrawn later comes and goes here without a new acceptance."""
    seen_at: Time | None
    """Since when it shows exactly this, as far as was seen; null until it was looked into."""
    watch: CatalogWatch
    created_by: str
    created_at: Time
    updated_at: Time


class AcceptancePage(PageBody):
    """Acceptances, newest first."""

    items: list[AcceptanceBody]


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


@router.get("/acceptances", responses=problems(PageTokenInvalid))
def list_acceptances(
    caller: CurrentCaller,
    project: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of this project.")] = None,
    workspace: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only there.")] = None,
    audience: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of it.")] = None,
    state: Annotated[str | SkipJsonSchema[None], Query(max_length=40, description="Only in this state.")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> AcceptancePage:
    """The acceptances of the caller's projects, newest first."""
    asked = pages.read("acceptances", page_token, project=project, workspace=workspace, audience=audience, state=state)
    page = records.list_page(caller, Acceptance, asked.equal, asked.after, page_size)
    items = [_render(record) for record in page.items]
    return AcceptancePage(items=items, next_page_token=asked.encode(page.after))


@router.get("/acceptances/{acceptance_id:id}", responses={**UNCHANGED, **problems(RecordNotFound)})
def get_acceptance(
    acceptance_id: str, response: Response, caller: CurrentCaller, if_none_match: IfNoneMatch = None
) -> AcceptanceBody:
    """The acceptance: its catalog, and what it shows. Its `ETag` stays while no version comes or goes."""
    return etags.answer(_render(records.get(caller, Acceptance, acceptance_id)), response, if_none_match)


@router.delete(
    "/acceptances/{acceptance_id:id}",
    **accepts(AcceptanceInUse, PlanStale, RecordNotActive, RecordNotFound, WorkspaceNotFound),
)
async def delete_acceptance(
    acceptance_id: str,
    request: Request,
    response: Response,
    caller: CurrentCaller,
    key: IdempotencyKey,
    force: Force = False,
    plan_digest: PlanQuery = None,
    on_conflict: ConflictQuery = OnConflict.REJECT,
) -> OperationBody:
    """Remove the catalog if Causeway made it for this project. The acceptance stays as GIVEN_BACK.

    `/impact` says beforehand what that would hit, and what would be done.
    """

    async def begin(made: Key) -> Operation:
        given = partial(returns.begin, force=force, plan_digest=plan_digest, on_conflict=on_conflict)
        if force and plan_digest is None:
            return await run_in_threadpool(given, caller, made, acceptance_id)
        record = await run_in_threadpool(records.get, caller, Acceptance, acceptance_id)
        return await look(record.workspace, "looking at what rests on it", given, caller, made, acceptance_id)

    return await accept(request, response, caller, key, None, begin)


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
    )


def _render(record: Acceptance) -> AcceptanceBody:
    found = record.outcome
    provider = AcceptedProvider(
        workspace=record.provider_workspace,
        sharing_identifier=found.get("provider_identifier"),
        name=found.get("provider"),
        same_metastore=found["provider_identifier"] == found["consumer_identifier"] if found else None,
    )
    shown = {"made_catalog": found.get("made"), "runner": found.get("runner"), "models": found.get("models", [])}
    shown |= {"also_seen_in": found.get("also_seen_in", []), "seen_at": found.get("seen_at")}
    shown["watch"] = CatalogWatch(every_seconds=settings.current().watch_seconds, problem=found.get("watch_problem"))
    return AcceptanceBody.model_validate({**record.model_dump(), **shown, "provider": provider})
