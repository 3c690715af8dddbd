"""Workspaces: which are configured, how they are linked, and whether they answer now."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field, JsonValue

from app.domain import workspaces
from app.domain.workspaces import Status
from app.errors import WorkspaceNotFound
from app.http.conventions.bodies import Response
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.live import look
from app.http.conventions.pages import PageBody
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["workspaces"])


class WorkspaceSummary(Response):
    """A workspace as configured."""

    name: str
    host: str
    cloud: str
    """`aws`, `azure` or `gcp`."""
    state: str = Field(examples=["ACTIVE"])
    """`ACTIVE`, or `RETIRING`: what is under way there goes on, and nothing new begins. Others may come."""
    operations_under_way: int
    """How many operations need it, of those that the caller may see; at 0 for an admin, it may go."""
    can_publish: bool
    """Whether it has a place for vetted copies, and so can play the provider's part."""
    links_from: list[str]
    """The workspaces whose models may come here."""
    links_to: list[str]
    """The workspaces that its models may go to."""
    projects: list[str]
    """The caller's projects that use it."""


class Metastore(Response):
    """The metastore behind a workspace."""

    sharing_identifier: str
    """`cloud:region:uuid`: how others find it, whatever its name."""
    name: str | None
    cloud: str | None
    region: str | None
    shares_externally: bool | None
    """Whether it may share outside its own account; null where the platform does not say."""


class WorkspaceBody(WorkspaceSummary):
    """A workspace as configured, and as it is now."""

    reachable: bool
    """Whether it answered just now."""
    identity: str | None
    """As whom it knows Causeway; null when it did not answer."""
    milliseconds: int
    """How long it took."""
    problem: dict[str, JsonValue] | None
    """Why it did not answer, in the same form as every problem; null when it did."""
    metastore: Metastore | None
    """Null when it cannot be read."""


class WorkspacePage(PageBody):
    """Workspaces, by name."""

    items: list[WorkspaceSummary]


@router.get("/workspaces", responses=problems())
def list_workspaces(caller: CurrentCaller) -> WorkspacePage:
    """The workspaces that the caller's projects use; always one page. None of them is asked anything."""
    return WorkspacePage(items=[WorkspaceSummary.model_validate(found) for found in workspaces.list_all(caller)])


@router.get("/workspaces/{workspace:id}", responses=problems(WorkspaceNotFound))
async def get_workspace(workspace: str, caller: CurrentCaller) -> WorkspaceBody:
    """The workspace, asked with a short patience whether it answers; one that does not is no error here."""
    return _render(await look(workspace, "asking whether it answers", workspaces.get, caller, workspace))


def _render(status: Status) -> WorkspaceBody:
    found = status.reachability
    return WorkspaceBody(
        **vars(status.overview),
        reachable=found.reachable,
        identity=found.identity,
        milliseconds=found.milliseconds,
        problem=found.problem.as_dict() if found.problem else None,
        metastore=Metastore.model_validate(status.metastore) if status.metastore else None,
    )
