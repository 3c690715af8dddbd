"""Deployments: revisions of an endpoint; one that fails leaves serving what served before."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, JsonValue
from pydantic.json_schema import SkipJsonSchema

from app.domain import deployments, records
from app.domain.deployments import Deploying, Deployment
from app.domain.operations import Key, Operation
from app.domain.serving_endpoints import NAME
from app.errors import (
    EndpointNameTaken,
    InputExampleMissing,
    ModelVersionNotFound,
    ModelVersionNotReady,
    PageTokenInvalid,
    PlanStale,
    ProjectNotFound,
    RecordNotFound,
    SignatureInvalid,
    SignatureMissing,
    SigningKeyUnusable,
    WorkspaceNotFound,
    WorkspaceRetiring,
)
from app.http.conventions import pages, plan
from app.http.conventions.bodies import OnConflict, Strictly, Time
from app.http.conventions.bodies import Request as Body
from app.http.conventions.bodies import Response as Answer
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.idempotency import IdempotencyKey, accept, accepts
from app.http.conventions.live import look
from app.http.conventions.names import FullName, PlanDigest, Word
from app.http.conventions.operation import OperationBody
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.plan import PlanBody
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["deployments"])
OWN = (
    EndpointNameTaken,
    InputExampleMissing,
    ModelVersionNotFound,
    ModelVersionNotReady,
    ProjectNotFound,
    SignatureInvalid,
    SignatureMissing,
    SigningKeyUnusable,
    WorkspaceNotFound,
    WorkspaceRetiring,
)
Endpoint = Annotated[str, Field(pattern=f"^{NAME.pattern}$", examples=["bikes-demand"])]


class WorkloadSize(StrEnum):
    """How many requests at a time one version takes: 4, 8 to 16, 16 to 64."""

    SMALL = "Small"
    MEDIUM = "Medium"
    LARGE = "Large"


class DeploymentRequest(Body):
    """Which version to serve at which endpoint."""

    project: Word
    workspace: Word
    """Where the endpoint is, and the model."""
    endpoint: Endpoint
    """Made when there is none of this name."""
    model: FullName
    version: Annotated[int, Field(ge=1, le=2**31 - 1), Strictly]
    workload_size: WorkloadSize = WorkloadSize.SMALL
    scale_to_zero: bool = True
    """Whether it sleeps when unused: cheaper, with a slow first answer."""
    plan_digest: PlanDigest | SkipJsonSchema[None] = None
    """The digest of the plan that was agreed to."""
    on_conflict: OnConflict = OnConflict.REJECT
    """What to do while another operation is changing the same thing; a plan does not depend on it."""


class DeploymentBody(Answer):
    """A deployment: what was asked for, and what was verified."""

    id: str
    project: str
    operation_id: str
    state: str
    """`PENDING`, `ACTIVE`, `FAILED`, `CANCELLED` or `SUPERSEDED`; others may come."""
    workspace: str
    endpoint: str
    model: str
    version: int
    served_entity: str
    """The version's name within the endpoint."""
    request: dict[str, JsonValue]
    """What was asked for."""
    outcome: dict[str, JsonValue]
    """What was replaced, the first prediction, the digest of the model's bytes; empty until it has succeeded."""
    created_by: str
    created_at: Time
    updated_at: Time


class DeploymentPage(PageBody):
    """Deployments, newest first."""

    items: list[DeploymentBody]


@router.post("/deployments", **accepts(PlanStale, *OWN))
async def create_deployment(
    body: DeploymentRequest, request: Request, response: Response, caller: CurrentCaller, key: IdempotencyKey
) -> OperationBody:
    """Serve a version. It comes up without traffic, answers its input example, and only then gets the traffic."""
    deploying = _deploying(body)

    async def begin(made: Key) -> Operation:
        work = (caller, made, deploying, body.plan_digest, body.on_conflict)
        return await look(body.workspace, "looking at the endpoint", deployments.begin, *work)

    return await accept(request, response, caller, key, body, begin)


@router.post("/deployments:plan", responses=problems(*OWN))
async def plan_deployment(body: DeploymentRequest, caller: CurrentCaller) -> PlanBody:
    """What the deployment would change; nothing is stored."""
    made = await look(body.workspace, "looking at the endpoint", deployments.plan, caller, _deploying(body))
    return plan.render(made)


@router.get("/deployments", responses=problems(PageTokenInvalid))
def list_deployments(
    caller: CurrentCaller,
    project: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of this project.")] = None,
    endpoint: Annotated[str | SkipJsonSchema[None], Query(max_length=63, description="Only of this endpoint.")] = None,
    state: Annotated[str | SkipJsonSchema[None], Query(max_length=20, description="Only in this state.")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> DeploymentPage:
    """The deployments of the caller's projects, newest first."""
    asked = pages.read("deployments", page_token, project=project, endpoint=endpoint, state=state)
    page = records.list_page(caller, Deployment, asked.equal, asked.after, page_size)
    items = [DeploymentBody.model_validate(record) for record in page.items]
    return DeploymentPage(items=items, next_page_token=asked.encode(page.after))


@router.get("/deployments/{deployment_id:id}", responses=problems(RecordNotFound))
def get_deployment(deployment_id: str, caller: CurrentCaller) -> DeploymentBody:
    """The deployment: its state, and what it changed."""
    return DeploymentBody.model_validate(records.get(caller, Deployment, deployment_id))


def _deploying(body: DeploymentRequest) -> Deploying:
    return Deploying(**body.model_dump(mode="json", exclude={"plan_digest", "on_conflict"}))
