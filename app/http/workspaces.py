"""Workspaces: which are configured, how they are linked, whether they answer now, and whether all that is needed is
there.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, JsonValue
from pydantic.json_schema import SkipJsonSchema

from app.domain import workspaces
from app.domain.preflight import reports
from app.domain.preflight.checks import Check
from app.domain.preflight.reports import Report
from app.domain.workspaces import Status
from app.errors import ProjectNotFound, WorkspaceNotFound, WorkspaceRoleMismatch
from app.http.conventions.bodies import Request, Response, Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.live import look
from app.http.conventions.names import Word
from app.http.conventions.pages import PageBody
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["workspaces"])
CHECKING = (ProjectNotFound, WorkspaceNotFound, WorkspaceRoleMismatch)


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


class WorkspaceRole(StrEnum):
    """A part that a workspace plays: models are made with the provider, and serve at the consumer."""

    PROVIDER = "provider"
    CONSUMER = "consumer"


class CheckRequest(Request):
    """What to look at; everything that the configuration gives the workspace and the caller, unless named."""

    project: Word | SkipJsonSchema[None] = None
    """This project's part alone; otherwise of all of the caller's projects that use the workspace."""
    roles: Annotated[list[WorkspaceRole], Field(min_length=1, max_length=2)] | SkipJsonSchema[None] = None
    """What these parts need alone; otherwise all that the workspace plays."""


class PrerequisiteCheck(Response):
    """Something that must be so in the workspace, and what was seen of it just now."""

    name: str = Field(examples=["control-shares"])
    """What is checked, by a name that stays; several checks of one name are of different subjects or projects."""
    project: str | None
    """The project that it is for; null for what all of them need."""
    subject: str
    """Who or what it is about: an identity, or a place in the workspace."""
    state: str = Field(examples=["GREEN"])
    """`GREEN`, `RED` (something will fail, or is not safe), `WARNING` (it works, with a consequence that is told), or
    `UNKNOWN` where the workspace did not answer or refuses to tell. Others may come."""
    seen: str
    """What was seen."""
    needed: str
    """What must be so, and what for."""
    command: str | None
    """What an admin runs in bash to have it so, with `$<WORKSPACE>_HOST` and `$<WORKSPACE>_TOKEN`; it may be run again.
    Null for what is so, and for what no command can mend."""


class WorkspaceCheck(Response):
    """All that Causeway needs in a workspace, as it is now."""

    workspace: str
    as_of: Time
    roles: list[str]
    """The parts that were looked at."""
    projects: list[str]
    """The caller's projects that were looked at."""
    state: str = Field(examples=["GREEN"])
    """The worst of the checks' states: red before warning, before unknown, before green."""
    checks: list[PrerequisiteCheck]
    """In an order in which they can be mended."""


@router.get("/workspaces", responses=problems())
def list_workspaces(caller: CurrentCaller) -> WorkspacePage:
    """The workspaces that the caller's projects use; always one page. None of them is asked anything."""
    return WorkspacePage(items=[WorkspaceSummary.model_validate(found) for found in workspaces.list_all(caller)])


@router.get("/workspaces/{workspace:id}", responses=problems(WorkspaceNotFound))
async def get_workspace(workspace: str, caller: CurrentCaller) -> WorkspaceBody:
    """The workspace, asked with a short patience whether it answers; one that does not is no error here."""
    return _render(await look(workspace, "asking whether it answers", workspaces.get, caller, workspace))


@router.post("/workspaces/{workspace:id}:check", responses=problems(*CHECKING))
async def check_workspace(workspace: str, body: CheckRequest, caller: CurrentCaller) -> WorkspaceCheck:
    """Look whether everything is there that Causeway needs in the workspace, and say what mends what is not.

    It is looked at now, as control, whom the platform tells little of what others hold: what it refuses to tell is
    `UNKNOWN`, and `causeway check --admin` asks it as an admin. Where there are many projects, name one: after some
    seconds, what was not asked yet is `UNKNOWN`, too. Nothing is stored, and nothing is changed there.
    """
    roles = [role.value for role in body.roles] if body.roles else None
    report = await look(workspace, "checking it", reports.make, caller, workspace, body.project, roles)
    return _render_report(report)


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


def _render_report(report: Report) -> WorkspaceCheck:
    return WorkspaceCheck(**{**vars(report), "checks": [_render_check(check) for check in report.checks]})


def _render_check(check: Check) -> PrerequisiteCheck:
    told = {name: value for name, value in vars(check).items() if name != "commands"}
    return PrerequisiteCheck(**told, command="\n".join(check.commands) or None)
