"""The configured workspaces: how they are linked, whether they answer now, and which operations need them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from app import configuration
from app.configuration import Need
from app.domain import access
from app.domain.access import Caller
from app.errors import Problem, UpstreamProblem
from app.store import operations
from app.workspaces import identities, metastores
from app.workspaces.identities import Reachability
from app.workspaces.metastores import Metastore


@dataclass(frozen=True)
class Overview:
    """A workspace as configured, as far as the caller's projects use it."""

    name: str
    host: str
    cloud: str
    state: str
    operations_under_way: int
    can_publish: bool
    links_from: list[str]
    links_to: list[str]
    projects: list[str]


@dataclass(frozen=True)
class Status:
    """A workspace as configured, and as it is now; `metastore` is None when it cannot be read."""

    overview: Overview
    reachability: Reachability
    metastore: Metastore | None


def list_all(caller: Caller) -> list[Overview]:
    """The workspaces that the caller's projects use, by name; nobody is asked anything."""
    needs = list_needs()
    return [_describe(caller, name, needs) for name in access.list_workspaces(caller)]


def get(caller: Caller, workspace: str) -> Status:
    """The workspace, asked whether it answers; raises `WorkspaceNotFound` for one that is not the caller's."""
    access.get_workspace(caller, workspace)
    reachability, metastore = identities.probe(workspace), None
    if reachability.reachable:
        with suppress(Problem):
            metastore = metastores.get_metastore(workspace)
    return Status(_describe(caller, workspace, list_needs()), reachability, metastore)


def list_beside(project: str, workspace: str) -> list[str]:
    """The project's other workspaces on the same metastore, by name: what one of them accepts, all of them see.

    A metastore lies in one cloud, so those of other clouds are not asked; one that does not answer is left out.
    """
    known = configuration.current().workspaces
    identifier = metastores.get_sharing_identifier(workspace)
    found = []
    for other in access.list_places(project):
        if other != workspace and other in known and known[other].cloud == known[workspace].cloud:
            with suppress(UpstreamProblem):
                found += [other] if metastores.get_sharing_identifier(other) == identifier else []
    return found


def is_beside(workspace: str, other: str) -> bool:
    """Whether the two stand on one metastore, and so see the same shares and catalogs; each does with itself.

    One that the configuration has dropped stands alone. Raises the problem of one that does not answer.
    """
    known = configuration.current().workspaces
    if workspace == other or not {workspace, other} <= known.keys():
        return workspace == other
    if known[workspace].cloud != known[other].cloud:
        return False
    return metastores.get_sharing_identifier(workspace) == metastores.get_sharing_identifier(other)


def list_needs() -> list[Need]:
    """Every operation under way with where it works: what has to stay in the configuration until it has ended."""
    return [Need(*row) for row in operations.list_live_places()]


def _describe(caller: Caller, name: str, needs: list[Need]) -> Overview:
    visible, configured = access.list_workspaces(caller), configuration.current().workspaces[name]
    links, projects = configuration.current().links, access.list_projects(caller)
    return Overview(
        name=name,
        host=configured.host,
        cloud=configured.cloud,
        state=configured.state,
        operations_under_way=sum(name in need.workspaces for need in needs if need.project in projects),
        can_publish=configured.shareable_catalog is not None,
        links_from=sorted(link.source for link in links if link.target == name and link.source in visible),
        links_to=sorted(link.target for link in links if link.source == name and link.target in visible),
        projects=[project for project in projects if name in access.list_places(project)],
    )
