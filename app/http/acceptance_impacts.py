"""What giving an acceptance back would hit, before it is done."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from app.domain import acceptance_impacts, records
from app.domain.acceptance_impacts import Impact, Serving
from app.domain.acceptances import Acceptance
from app.errors import RecordNotFound, WorkspaceNotFound
from app.http.conventions import plan
from app.http.conventions.bodies import Response
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.live import look
from app.http.conventions.plan import PlanBody
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["acceptance_impacts"])


class ServedModel(Response):
    """A version of the catalog that an endpoint serves."""

    served_entity: str
    model: str
    version: str


class KeptCopy(Response):
    """A version that the consumer owns."""

    model: str
    version: int


class AffectedEndpoint(Response):
    """A live endpoint that serves from the catalog."""

    workspace: str
    name: str
    served: list[ServedModel]


class AcceptanceImpactBody(Response):
    """What rests on an acceptance; once it has been given back, nothing but its copies is left."""

    acceptance_id: str
    workspace: str
    catalog: str
    removes_catalog: bool
    """Whether giving back removes the catalog: Causeway made it for the project."""
    in_use: bool
    """Whether giving back is refused with `acceptance-in-use` unless it is forced."""
    endpoints: list[AffectedEndpoint]
    """The live endpoints that serve from the catalog, in every workspace of the project on its metastore.

    An endpoint that Causeway's own identity may not see is not among them.
    """
    other_endpoints: int
    """How many endpoints that the caller's projects do not declare serve from it, too."""
    deployments_under_way: list[str]
    """Deployments of its models that have not ended yet."""
    scoring_runs_under_way: list[str]
    acceptances: list[str]
    """The project's other acceptances of the same catalog: they end with it when it is removed."""
    copies: list[KeptCopy]
    """The copies that the acceptance made: they stay, and whoever serves or scores with them is not hit."""
    plan: PlanBody
    """What giving back would do; its digest goes into `plan_digest` of the DELETE."""


@router.get("/acceptances/{acceptance_id:id}/impact", responses=problems(RecordNotFound, WorkspaceNotFound))
async def get_acceptance_impact(acceptance_id: str, caller: CurrentCaller) -> AcceptanceImpactBody:
    """Who serves, scores and rests on the catalog now, and what giving the acceptance back would do."""
    record = await run_in_threadpool(records.get, caller, Acceptance, acceptance_id)
    impact = await look(record.workspace, "looking at what rests on it", acceptance_impacts.look, caller, record)
    return _render(impact)


def _render(impact: Impact) -> AcceptanceImpactBody:
    record = impact.acceptance
    return AcceptanceImpactBody(
        acceptance_id=record.id,
        workspace=record.workspace,
        catalog=record.catalog,
        removes_catalog=impact.resting.made,
        in_use=impact.in_use,
        endpoints=[_render_endpoint(one) for one in impact.endpoints],
        other_endpoints=impact.other_endpoints,
        deployments_under_way=impact.deployments,
        scoring_runs_under_way=impact.scoring_runs,
        acceptances=impact.resting.sharers,
        copies=[KeptCopy.model_validate(copy["owned"]) for copy in record.outcome.get("copies", [])],
        plan=plan.render(impact.plan),
    )


def _render_endpoint(found: Serving) -> AffectedEndpoint:
    served = [
        ServedModel(served_entity=entity, model=model, version=version) for entity, model, version in found.served
    ]
    return AffectedEndpoint(workspace=found.workspace, name=found.name, served=served)
