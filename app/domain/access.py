"""Who may do what to which name. Asked for every Databricks name in a request before anything is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app import configuration
from app.configuration import RETIRING, Project, list_catalogs, share_name
from app.errors import (
    AdminRequired,
    LinkNotDeclared,
    NotInProject,
    PermissionDenied,
    ProjectNotFound,
    WorkspaceNotFound,
    WorkspaceRetiring,
)

READ = "read"
ADMIN = "admin"
ROLES = {
    READ: ("viewer", "invoker", "publisher", "deployer", "approver"),
    "predict": ("invoker",),
    "score": ("invoker",),
    "train": ("publisher",),
    "plan-publish": ("publisher", "approver"),
    "publish": ("publisher",),
    "approve": ("approver",),
    "change-audience": ("publisher",),
    "adopt": (),
    "withdraw": ("publisher",),
    "accept": ("deployer",),
    "give-back": ("deployer",),
    "deploy": ("deployer",),
    "reconcile": ("publisher", "deployer", "approver"),
    "remedy": ("publisher", "deployer", "approver"),
    "judge-drift": ("approver",),
}
# What an admin may do in every project.
ADMINS_TOO = {READ, "change-audience", "adopt", "judge-drift"}

PERSONS_ONLY = {"approve"}


@dataclass(frozen=True)
class Caller:
    """A principal in a request; `limited_to` None means all the projects that the configuration gives it."""

    principal: str
    limited_to: frozenset[str] | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class Name:
    """A Databricks name in a request: `kind` is model, data, endpoint, volume, share, catalog, schema or principal.

    A catalog is a project's when all of it is; a schema, which is only looked into, when something in it is.
    """

    kind: str
    workspace: str
    name: str


def is_admin(caller: Caller) -> bool:
    """Whether the configuration lists the caller as an admin; a key limited to projects is never one."""
    return caller.limited_to is None and caller.principal in configuration.current().admins


def check_admin(caller: Caller, action: str) -> None:
    """The caller is an admin; raises `AdminRequired`."""
    if not is_admin(caller):
        raise AdminRequired(principal=caller.principal, action=action)


def list_projects(caller: Caller) -> list[str]:
    """The projects that the caller may see, by name."""
    return sorted(name for name in configuration.current().projects if _sees(caller, name))


def list_roles(caller: Caller, project: str) -> list[str]:
    """The caller's roles in a project that it may see."""
    declared = configuration.current().projects[project].roles
    return sorted(role for role, principals in declared.items() if caller.principal in principals)


def list_workspaces(caller: Caller) -> list[str]:
    """The workspaces that the caller's projects use; for an admin, all of them."""
    known = configuration.current()
    if is_admin(caller):
        return sorted(known.workspaces)
    return sorted({place for name in list_projects(caller) for place in _places(known.projects[name])})


def list_places(project: str) -> list[str]:
    """The workspaces that the project uses."""
    return sorted(set(_places(configuration.current().projects[project])))


def get_workspace(caller: Caller, workspace: str) -> configuration.Workspace:
    """The workspace; raises `WorkspaceNotFound` for one that none of the caller's projects uses."""
    if workspace not in list_workspaces(caller):
        raise WorkspaceNotFound(workspace=workspace)
    return configuration.current().workspaces[workspace]


def check(caller: Caller, action: str, project: str, *names: Name) -> Project:
    """The project, when the caller may do `action` in it and it declares every name.

    Raises `ProjectNotFound`, `PermissionDenied`, `WorkspaceNotFound` or `NotInProject`; the last is the same answer
    whether the name exists or not.
    """
    if not _sees(caller, project):
        raise ProjectNotFound(project=project)
    declared = configuration.current().projects[project]
    if not may(caller.principal, action, project) and not (action in ADMINS_TOO and is_admin(caller)):
        role = " or ".join(ROLES[action]) or ADMIN
        raise PermissionDenied(principal=caller.principal, action=action, project=project, role=role)
    for name in names:
        if name.workspace not in configuration.current().workspaces or name.workspace not in _places(declared):
            raise WorkspaceNotFound(workspace=name.workspace)
        if not declares(project, name):
            raise NotInProject(project=project, kind=name.kind, name=name.name, workspace=name.workspace)
    return declared


def may(principal: str, action: str, project: str) -> bool:
    """Whether a role in the project lets the principal do `action`; some things are for persons alone."""
    declared = configuration.current().projects.get(project)
    if declared is None or (action in PERSONS_ONLY and not principal.startswith("person:")):
        return False
    return any(principal in declared.roles.get(role, []) for role in ROLES[action])  # type: ignore[call-overload]


def find_owner(principal: str) -> str | None:
    """The person who answers for a service account; None for a person, and for one that is not declared."""
    account = configuration.current().principals.get(principal)
    return account.owner if account is not None else None


def check_live(caller: Caller, action: str, name: Name) -> str:
    """The project of the caller that declares a name in a live path, where it may do `action`."""
    get_workspace(caller, name.workspace)
    for project in list_projects(caller):
        if declares(project, name):
            check(caller, action, project, name)
            return project
    raise make_undeclared(caller, name)


def make_undeclared(caller: Caller, name: Name) -> NotInProject:
    """The refusal of a name in a live path, which names no project: a refusal in each of the caller's there."""
    projects = [project for project in list_projects(caller) if name.workspace in list_places(project)]
    told: dict[str, Any] = {"kind": name.kind, "name": name.name, "workspace": name.workspace}
    return NotInProject(project=", ".join(projects), projects=projects, **told)


def check_link(project: str, source: str, target: str) -> None:
    """Models move only along declared links; raises `LinkNotDeclared`."""
    if not any(link.source == source and link.target == target for link in configuration.current().links):
        raise LinkNotDeclared(project=project, source=source, target=target)


def check_active(*workspaces: str) -> None:
    """New work may begin in each of the workspaces; raises `WorkspaceRetiring`, `WorkspaceNotFound` for one that left.

    Asked by every plan, and again when the work is accepted. What takes something away is not asked this: it is how a
    workspace is cleared.
    """
    known = configuration.current().workspaces
    for workspace in workspaces:
        if workspace not in known:
            raise WorkspaceNotFound(workspace=workspace)
        if known[workspace].state == RETIRING:
            raise WorkspaceRetiring(workspace=workspace)


def declares(project: str, name: Name) -> bool:
    """Whether the project's declaration covers the name."""
    declared = configuration.current().projects[project]
    if name.kind == "endpoint":
        return _fits(name.name, declared.endpoints.get(name.workspace, []))
    if name.kind == "volume":
        return declared.volumes.get(name.workspace) == name.name
    if name.kind == "share":
        return name.name in {share_name(project, audience) for audience in declared.audiences}
    if name.kind == "principal":
        return name.name in declared.readers.get(name.workspace, [])
    own = {share_name(project, audience) for audience in declared.audiences}
    if name.name.split(".", 1)[0] in own | list_catalogs(project, declared, name.workspace):
        return True
    if name.kind == "schema":
        return declares_within(project, name.workspace, name.name)
    # What fits as a prefix of everything in a catalog is a pattern such as `rides.*`.
    probe = f"{name.name}.*" if name.kind == "catalog" else name.name
    return _fits(probe, declared.sources.get(name.workspace, []))


def declares_within(project: str, workspace: str, container: str) -> bool:
    """Whether the project declares something in the catalog, or in the schema `catalog.schema`."""
    patterns = configuration.current().projects[project].sources.get(workspace, [])
    return any(f"{pattern}.".startswith(f"{container}.") or _fits(f"{container}.*", [pattern]) for pattern in patterns)


def _fits(name: str, patterns: list[str]) -> bool:
    return any(
        name.startswith(pattern[:-1]) and name != pattern[:-1] if pattern.endswith("*") else name == pattern
        for pattern in patterns
    )


def _sees(caller: Caller, project: str) -> bool:
    declared = configuration.current().projects.get(project)
    if declared is None or (caller.limited_to is not None and project not in caller.limited_to):
        return False
    return is_admin(caller) or any(caller.principal in principals for principals in declared.roles.values())


def _places(project: Project) -> Iterator[str]:
    yield from project.runners
    yield from project.volumes
    yield from project.sources
    yield from project.endpoints
    for audience in project.audiences.values():
        yield from (recipient.workspace for recipient in audience.recipients if recipient.workspace)
