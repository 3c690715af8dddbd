"""Acceptances: a provider's share as a catalog of the consumer; list, give back. Their start: acceptance_requests."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from starlette.concurrency import run_in_threadpool

from app import settings
from app.domain import records, returns
from app.domain.acceptances import Acceptance
from app.domain.operations import Key, Operation
from app.errors import (
    AcceptanceInUse,
    PageTokenInvalid,
    PlanStale,
    RecordNotActive,
    RecordNotFound,
    WorkspaceNotFound,
)
from app.http import acceptance_requests
from app.http.conventions import etags, pages
from app.http.conventions.bodies import OnConflict, Time
from app.http.conventions.bodies import Response as Answer
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.etags import UNCHANGED, IfNoneMatch
from app.http.conventions.idempotency import ConflictQuery, IdempotencyKey, accept, accepts
from app.http.conventions.live import look
from app.http.conventions.operation import OperationBody
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["acceptances"])
router.include_router(acceptance_requests.router)
Force = Annotated[bool, Query(description="Also while endpoints serve from the catalog, or cannot be looked for.")]
PlanQuery = Annotated[
    str | SkipJsonSchema[None], Query(max_length=100, description="The digest of the impact's plan that was agreed to.")
]


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


class VersionReference(Answer):
    """A version of a model."""

    model: str
    version: int


class OwnedCopy(Answer):
    """A version that the consumer owns: it stays when the share, or the catalog, goes."""

    source: VersionReference
    """What was copied, by its name in the catalog."""
    owned: VersionReference
    digest: str
    """Of the copy's files, read back after it was made."""
    published_digest: str | None
    """What the publication promised, and the copy was held to; null for a partner's, which promises nothing."""
    publication_id: str | None
    provider_aliases: list[str]
    """The provider's aliases that pointed to the source; the copy has none until they are set on it."""
    reused: bool
    """Whether an earlier copy of the same bytes was found."""


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
    copies: list[OwnedCopy]
    """What the consumer owns now, with `copy` in the request; giving back and withdrawing leave it alone."""
    created_by: str
    created_at: Time
    updated_at: Time


class AcceptancePage(PageBody):
    """Acceptances, newest first."""

    items: list[AcceptanceBody]


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
    unknown = {"publication_id": None, "published_digest": None}
    shown["copies"] = [{**unknown, **copy} for copy in found.get("copies", [])]
    return AcceptanceBody.model_validate({**record.model_dump(), **shown, "provider": provider})
