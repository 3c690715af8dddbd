"""Projects, and who the caller is: what it may see and do."""

from __future__ import annotations

from fastapi import APIRouter

from app import configuration
from app.domain import access
from app.domain.access import Caller
from app.http.conventions.bodies import Response
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.pages import PageBody
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["projects"])


class ProjectBody(Response):
    """A team's part of the configuration, as far as the caller needs it."""

    name: str
    roles: list[str]
    """The caller's roles in it."""
    workspaces: list[str]
    """The workspaces that it uses."""
    audiences: list[str]
    """Whom it may publish for."""
    sources: dict[str, list[str]]
    """By workspace, the names that requests may use."""
    endpoints: dict[str, list[str]]
    """By workspace, the endpoint names that are the project's."""


class ProjectPage(PageBody):
    """The caller's projects."""

    items: list[ProjectBody]


class Me(Response):
    """The caller as Causeway knows it."""

    principal: str
    is_admin: bool
    projects: list[ProjectBody]


@router.get("/projects", responses=problems())
def list_projects(caller: CurrentCaller) -> ProjectPage:
    """The projects that the caller may see, by name; always one page."""
    return ProjectPage(items=_projects(caller))


@router.get("/me", responses=problems())
def get_me(caller: CurrentCaller) -> Me:
    """Who the caller is, and what it may do where."""
    return Me(principal=caller.principal, is_admin=access.is_admin(caller), projects=_projects(caller))


def _projects(caller: Caller) -> list[ProjectBody]:
    declared = configuration.current().projects
    return [
        ProjectBody(
            name=name,
            roles=access.list_roles(caller, name),
            workspaces=access.list_places(name),
            audiences=sorted(declared[name].audiences),
            sources={place: list(patterns) for place, patterns in declared[name].sources.items()},
            endpoints={place: list(patterns) for place, patterns in declared[name].endpoints.items()},
        )
        for name in access.list_projects(caller)
    ]
