"""Withdrawing publications: what it would hit, and doing it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic.json_schema import SkipJsonSchema
from starlette.concurrency import run_in_threadpool

from app.domain import publication_impacts, records, withdrawals
from app.domain.operations import Key, Operation
from app.domain.publication_impacts import Impact
from app.domain.publications import Publication
from app.domain.withdrawals import Withdrawing
from app.errors import PlanStale, PublicationInUse, RecordNotActive, RecordNotFound, WorkspaceNotFound
from app.http.conventions import plan
from app.http.conventions.bodies import OnConflict
from app.http.conventions.bodies import Response as Answer
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.idempotency import ConflictQuery, IdempotencyKey, accept, accepts
from app.http.conventions.live import look
from app.http.conventions.operation import OperationBody
from app.http.conventions.plan import PlanBody
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["withdrawals"])


class Withdrawn(StrEnum):
    """How much a withdrawal takes."""

    ONE = "one"
    ALL = "all"


ACTION = "looking at what rests on it"
PlanQuery = Annotated[
    str | SkipJsonSchema[None], Query(max_length=100, description="The digest of the impact's plan that was agreed to.")
]
Versions = Annotated[
    Withdrawn, Query(description="`one`: the copy of this publication; `all`: all of the model's for the audience.")
]


class ServingEndpoint(Answer):
    """A live endpoint that serves a copy."""

    workspace: str
    name: str
    served_entity: str
    model: str
    """By the name that it has there."""
    version: str
    traffic: int
    """In percent."""


class RestingAcceptance(Answer):
    """A catalog that shows the copy."""

    id: str
    workspace: str
    catalog: str


class ShowingCatalog(Answer):
    """A catalog that somebody made from the share without an acceptance."""

    workspace: str
    catalog: str


class PublicationImpactBody(Answer):
    """What rests on a publication; all of it is empty once it has been withdrawn."""

    publication_id: str
    published_model: str
    published_versions: list[int]
    """What would be deleted."""
    in_use: bool
    """Whether withdrawing is refused with `publication-in-use` unless it is forced."""
    publications: list[str]
    """Other publications that rest on the same copies: they end with it."""
    acceptances: list[RestingAcceptance]
    catalogs: list[ShowingCatalog]
    """Catalogs that somebody made from the share by hand, as far as Causeway may see them: they show the copy, too."""
    other_catalogs: int
    """How many more there are that the caller's projects do not declare."""
    endpoints: list[ServingEndpoint]
    """Where a catalog shows it. An endpoint that Causeway's own identity may not see is not among them."""
    other_endpoints: int
    """How many endpoints that the caller's projects do not declare serve a copy, too."""
    deployments_under_way: list[str]
    unseen_recipients: list[str]
    """Sharing identifiers of recipients without a workspace here that answers: whether they serve it is not known."""
    plan: PlanBody
    """What withdrawing would do; its digest goes into `plan_digest` of the DELETE."""


@router.get("/publications/{publication_id:id}/impact", responses=problems(RecordNotFound, WorkspaceNotFound))
async def get_publication_impact(
    publication_id: str, caller: CurrentCaller, versions: Versions = Withdrawn.ONE
) -> PublicationImpactBody:
    """Who accepted and who serves it now, what else rests on its copy, and what withdrawing would do."""
    record = await run_in_threadpool(records.get, caller, Publication, publication_id)
    whole = versions is Withdrawn.ALL
    action = "looking at what rests on it"
    return _render(await look(record.workspace, action, _look, caller, record, whole))


@router.delete(
    "/publications/{publication_id:id}", **accepts(PlanStale, PublicationInUse, RecordNotActive, RecordNotFound)
)
async def delete_publication(
    publication_id: str,
    request: Request,
    response: Response,
    caller: CurrentCaller,
    key: IdempotencyKey,
    versions: Versions = Withdrawn.ONE,
    force: Annotated[bool, Query(description="Also while endpoints serve it.")] = False,
    plan_digest: PlanQuery = None,
    on_conflict: ConflictQuery = OnConflict.REJECT,
) -> OperationBody:
    """Delete the copy: this audience sees it no more, others are not touched. The publication stays as WITHDRAWN.

    What it hits is told beforehand by its `impact`, and afterwards by the operation's steps.
    """
    how = Withdrawing(whole=versions is Withdrawn.ALL, force=force, plan_digest=plan_digest)

    async def begin(made: Key) -> Operation:
        record = await run_in_threadpool(records.get, caller, Publication, publication_id, "withdraw")
        return await look(record.workspace, ACTION, withdrawals.begin, caller, made, publication_id, how, on_conflict)

    return await accept(request, response, caller, key, None, begin)


def _look(caller: CurrentCaller, record: Publication, whole: bool) -> Impact:
    return publication_impacts.look(caller, record, whole=whole)


def _render(impact: Impact) -> PublicationImpactBody:
    return PublicationImpactBody(
        publication_id=impact.publication.id,
        published_model=impact.publication.published_model,
        published_versions=impact.versions,
        in_use=impact.in_use,
        publications=impact.publications,
        acceptances=[RestingAcceptance.model_validate(one) for one in impact.acceptances],
        catalogs=[ShowingCatalog.model_validate(one) for one in impact.catalogs],
        other_catalogs=impact.other_catalogs,
        endpoints=[ServingEndpoint.model_validate(one) for one in impact.endpoints],
        other_endpoints=impact.other_endpoints,
        deployments_under_way=impact.deployments,
        unseen_recipients=impact.unseen,
        plan=plan.render(impact.plan),
    )
