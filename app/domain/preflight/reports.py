"""All prerequisites of a workspace, looked at now: the report, and the commands that mend what is not as it must be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from shlex import quote

from app import configuration
from app.configuration import AccessToken, Secret
from app.domain import access
from app.domain.access import READ, Caller
from app.domain.preflight import checks, platform, principals, privileges
from app.domain.preflight.checks import Check, Prerequisite
from app.domain.preflight.rights import CONSUMER, PROVIDER
from app.domain.preflight.sight import Sight
from app.errors import WorkspaceNotFound, WorkspaceRoleMismatch

# Such a line looks before it makes something: a second one like it has nothing to do.
LOOKS_FIRST = "curl -sf "


@dataclass(frozen=True)
class Report:
    """What was found in a workspace, for the parts it plays and the projects that were asked about."""

    workspace: str
    as_of: datetime
    roles: list[str]
    projects: list[str]
    state: str
    checks: list[Check]


def make(caller: Caller, workspace: str, project: str | None = None, roles: list[str] | None = None) -> Report:
    """Look at the workspace as control, now; nothing is stored, and nothing is changed there.

    Asked for are the parts that the configuration gives the workspace and the caller's projects that use it, unless
    named. Raises `WorkspaceNotFound`, `ProjectNotFound`, `WorkspaceRoleMismatch` for a part that it cannot play.
    """
    access.get_workspace(caller, workspace)
    projects = [one for one in access.list_projects(caller) if workspace in access.list_places(one)]
    if project is not None:
        access.check(caller, READ, project)
        if project not in projects:
            raise WorkspaceNotFound(workspace=workspace)
        projects = [project]
    played = list_roles(workspace)
    for role in roles or []:
        if role not in played:
            setting = "shareable_catalog" if role == PROVIDER else "link, audience or endpoint pattern"
            raise WorkspaceRoleMismatch(workspace=workspace, setting=setting)
    everything = list(configuration.current().projects) if access.is_admin(caller) else access.list_projects(caller)
    return _look(Sight(workspace), roles or played, projects, everything)


def make_for_operator(workspace: str, token_variable: str | None) -> Report:
    """The same for whoever runs the service, of all projects; as an admin, if a variable with a token is named."""
    everything = list(configuration.current().projects)
    projects = [one for one in everything if workspace in access.list_places(one)]
    token = AccessToken(type="pat", token=Secret(env=token_variable)) if token_variable else None
    return _look(Sight(workspace, token, ends_at=math.inf), list_roles(workspace), projects, everything)


def list_roles(workspace: str) -> list[str]:
    """The parts that the configuration gives the workspace."""
    known = configuration.current()
    receives = any(link.target == workspace for link in known.links)
    serves = any(
        project.endpoints.get(workspace) or project.partners.get(workspace) for project in known.projects.values()
    )
    roles = [PROVIDER] if known.workspaces[workspace].shareable_catalog else []
    return [*roles, CONSUMER] if receives or serves else roles


def make_script(reports: list[Report]) -> str:
    """A bash script, for an admin of the workspaces, of the commands of all that is not green; safe to run again."""
    names = ", ".join(report.workspace for report in reports)
    lines = [
        "#!/usr/bin/env bash",
        f"# What `causeway check` found missing in {names}, made so. Run it as an admin of workspace and metastore.",
        "set -euo pipefail",
        # What the workspaces answer is shown when they refuse something.
        "answer=$(mktemp)",
        "trap 'rm -f \"$answer\"' EXIT",
        'trap \'echo "This failed: $BASH_COMMAND" >&2; cat "$answer" >&2\' ERR',
        'exec 3>&1 >"$answer"',
    ]
    done: set[str] = set()
    for report in reports:
        host, prefix = configuration.current().workspaces[report.workspace].host, report.workspace.upper()
        lines += ["", f': "${{{prefix}_HOST:={host}}}" "${{{prefix}_TOKEN:?is missing: the token of an admin}}"']
        for check in report.checks:
            wanted = [line for line in check.commands if not (line.startswith(LOOKS_FIRST) and line in done)]
            if wanted:
                about = " ".join(filter(None, (report.workspace, check.project, check.name, check.subject)))
                lines += [f"echo {quote(about)} >&3", *wanted]
            done |= set(wanted)
    return "\n".join([*lines, ""])


def _look(sight: Sight, roles: list[str], projects: list[str], known: list[str]) -> Report:
    as_of = datetime.now(UTC)
    found = [checks.check(one, sight) for one in _list(sight.workspace, roles, projects, known)]
    return Report(sight.workspace, as_of, roles, projects, checks.get_worst(found), found)


def _list(workspace: str, roles: list[str], projects: list[str], known: list[str]) -> list[Prerequisite]:
    """In the order in which they can be mended: who there is, what is offered, what is granted, what is not."""
    declared = configuration.current().projects
    runners = {name: declared[name].runners[workspace] for name in projects if workspace in declared[name].runners}
    found = principals.list_of_control(workspace)
    for project, runner in runners.items():
        found += principals.list_of_runner(workspace, project, runner)
    found += platform.list_of_workspace(workspace, roles, projects)
    for owner in (None, *projects):
        found += privileges.list_of_rights(workspace, roles, owner)
    for project in projects:
        found += privileges.list_of_catalogs(workspace, roles, project)
    for project, runner in runners.items():
        found += privileges.list_of_harmlessness(workspace, roles, project, runner)
    for owner in (None, *projects):
        found += privileges.list_of_writers(workspace, roles, owner, known)
    return found
