"""Serving endpoints of a workspace as they stand now: what they serve, and how that is changing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from app.domain import serving_endpoints
from app.domain.serving_endpoints import Endpoint, EntityState, Owned
from app.errors import EndpointNotFound, WorkspaceFault, WorkspaceNotFound
from app.http.conventions import etags
from app.http.conventions.bodies import Response as Answer
from app.http.conventions.bodies import Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.etags import UNCHANGED, IfNoneMatch
from app.http.conventions.live import look
from app.http.conventions.pages import PageBody
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["serving_endpoints"])
EndpointName = Annotated[str, Path(pattern=f"^{serving_endpoints.NAME.pattern}$", description="The endpoint's name.")]


class ServedEntity(Answer):
    """One model version that an endpoint serves, or is about to."""

    name: str
    """Its name within the endpoint."""
    model: str
    version: str
    traffic: int
    """Percent of the requests."""
    workload_size: str | None
    workload_type: str
    scale_to_zero: bool
    state: str
    """The platform's word, such as `DEPLOYMENT_READY`."""
    message: str
    """The platform's own text."""


class ServingEndpointBody(Answer):
    """A serving endpoint as its workspace describes it now."""

    name: str
    workspace: str
    project: str
    """The caller's project that declares the name."""
    deployment_id: str | None
    """The deployment that made it what it is; null for an endpoint that Causeway did not make."""
    ready: bool
    update: str
    """`NOT_UPDATING`, `IN_PROGRESS`, `UPDATE_FAILED` or `UPDATE_CANCELED`; others may come."""
    served_entities: list[ServedEntity]
    """What answers requests now."""
    pending_entities: list[ServedEntity]
    """What an update under way, or one that failed, wants; empty without one."""
    creator: str | None
    created_at: Time | None
    updated_at: Time | None


class ServedVersion(Answer):
    """A model version that an endpoint serves, as far as the platform's list tells."""

    name: str
    model: str
    version: str


class ServingEndpointSummary(Answer):
    """A serving endpoint as the platform's list tells of it."""

    name: str
    workspace: str
    project: str
    deployment_id: str | None
    ready: bool
    update: str
    serves: list[ServedVersion]
    creator: str | None
    created_at: Time | None
    updated_at: Time | None


class ServingEndpointPage(PageBody):
    """Serving endpoints, by name."""

    items: list[ServingEndpointSummary]


@router.get("/workspaces/{workspace:id}/serving-endpoints", responses=problems(WorkspaceNotFound, WorkspaceFault))
async def list_serving_endpoints(workspace: str, caller: CurrentCaller) -> ServingEndpointPage:
    """The live endpoints whose names the caller's projects declare; always one page."""
    found = await look(workspace, "listing serving endpoints", serving_endpoints.list_all, caller, workspace)
    return ServingEndpointPage(items=[_summarise(workspace, owned) for owned in found])


@router.get(
    "/workspaces/{workspace:id}/serving-endpoints/{endpoint:id}",
    responses={**UNCHANGED, **problems(WorkspaceNotFound, EndpointNotFound, WorkspaceFault)},
)
async def get_serving_endpoint(
    workspace: str,
    endpoint: EndpointName,
    response: Response,
    caller: CurrentCaller,
    if_none_match: IfNoneMatch = None,
) -> ServingEndpointBody:
    """The live endpoint: what it serves now, and the update under way."""
    found = await look(workspace, "reading the endpoint", serving_endpoints.get, caller, workspace, endpoint)
    return etags.answer(_render(workspace, found), response, if_none_match)


def _render(workspace: str, owned: Owned) -> ServingEndpointBody:
    found: Endpoint = owned.endpoint
    return ServingEndpointBody(
        name=found.name,
        workspace=workspace,
        project=owned.project,
        deployment_id=owned.deployment_id,
        ready=found.ready,
        update=found.update,
        served_entities=_render_entities(found.active),
        pending_entities=_render_entities(found.pending or []),
        creator=found.creator,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )


def _render_entities(states: list[EntityState]) -> list[ServedEntity]:
    return [ServedEntity(**vars(state.entity), state=state.state, message=state.message) for state in states]


def _summarise(workspace: str, owned: Owned) -> ServingEndpointSummary:
    found = owned.endpoint
    return ServingEndpointSummary(
        name=found.name,
        workspace=workspace,
        project=owned.project,
        deployment_id=owned.deployment_id,
        ready=found.ready,
        update=found.update,
        serves=[ServedVersion(name=name, model=model, version=version) for name, model, version in found.serves],
        creator=found.creator,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )
