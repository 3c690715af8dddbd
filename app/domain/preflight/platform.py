"""Does the workspace offer what the parts that it plays need: Unity Catalog, sharing, serving, compute, true time?"""

from __future__ import annotations

import re

from app import configuration
from app.configuration import Workspace
from app.domain.preflight.checks import GREEN, RED, UNKNOWN, WARNING, Finding, Prerequisite, tell, tell_missing
from app.domain.preflight.rights import CONSUMER, PROVIDER
from app.domain.preflight.sight import Sight
from app.errors import UnityCatalogUnavailable, UpstreamNotFound, WorkspaceFault, WorkspaceRefused
from app.workspaces import admin_commands, identities, metastores, preflight

# The jobs' wheel needs Python 3.11: serverless environments have it from version 2 on, runtimes from 15 on [DOC].
OLDEST_ENVIRONMENT, OLDEST_RUNTIME = 2, 15
ASKEW_SECONDS, TOO_ASKEW_SECONDS = 30, 300


def list_of_workspace(workspace: str, roles: list[str], projects: list[str]) -> list[Prerequisite]:
    """What the workspace must offer for the parts that it plays, for these projects."""
    configured = configuration.current().workspaces[workspace]
    found = [
        Prerequisite("clock", workspace, f"a clock within {ASKEW_SECONDS} s of ours", _look_at_the_clock),
        Prerequisite(
            *("unity-catalog", workspace, "a metastore of Unity Catalog, which an account admin assigns"),
            _look_for_the_metastore,
        ),
        Prerequisite("job-environment", workspace, _needed_environment(configured), _look_at_the_environment),
    ]
    outside = _list_outside(workspace, projects) if PROVIDER in roles else {}
    if outside:
        found.append(_external_sharing(workspace, outside))
    if CONSUMER in roles:
        found.append(Prerequisite("serving", workspace, "model serving, available to control", _look_for_serving))
    if configured.warehouse_id:
        found.append(_warehouse(workspace, configured.warehouse_id))
    return found


def _external_sharing(workspace: str, outside: dict[str, bool]) -> Prerequisite:
    return Prerequisite(
        "external-sharing",
        workspace,
        f"sharing with other accounts, for {', '.join(outside)}: delta_sharing_scope INTERNAL_AND_EXTERNAL, which an "
        "account admin switches on for the metastore",
        lambda sight: _look_at_the_scope(sight, outside),
    )


def _warehouse(workspace: str, warehouse: str) -> Prerequisite:
    control = Sight(workspace).configured_control
    commands = [admin_commands.let_use_warehouse(workspace, warehouse, control)] if control else []
    needed = "a SQL warehouse that control may use; its id is the platform's choice, and goes into the configuration"
    return Prerequisite(
        *("warehouse", f"warehouse {warehouse}", needed),
        lambda sight: _look_for_the_warehouse(sight, warehouse),
        commands=commands,
    )


def _list_outside(workspace: str, projects: list[str]) -> dict[str, bool]:
    """The recipients on other metastores, and whether each is surely of another account: one is of one cloud [INF]."""
    known = configuration.current()
    cloud, found = known.workspaces[workspace].cloud, dict[str, bool]()
    for project in projects:
        for audience in known.projects[project].audiences.values():
            for recipient in audience.recipients:
                if recipient.sharing_identifier:
                    found[recipient.sharing_identifier] = not recipient.sharing_identifier.startswith(f"{cloud}:")
                elif recipient.workspace and recipient.workspace != workspace:
                    found[recipient.workspace] = known.workspaces[recipient.workspace].cloud != cloud
    return found


def _look_at_the_clock(sight: Sight) -> Finding:
    ahead = sight.ask(identities.get_self).ahead_seconds
    if ahead is None:
        return Finding(UNKNOWN, "its answers do not tell the time")
    off = abs(ahead)
    seen = f"its clock is {off:.0f} s {'ahead of' if ahead > 0 else 'behind'} ours"
    if off > TOO_ASKEW_SECONDS:
        return Finding(RED, f"{seen}: tokens seem to end before their time, or to live after it")
    return Finding(GREEN if off <= ASKEW_SECONDS else WARNING, seen)


def _look_for_the_metastore(sight: Sight) -> Finding:
    try:
        found = sight.ask(metastores.get_metastore)
    except (UnityCatalogUnavailable, WorkspaceFault) as problem:
        return Finding(RED, tell(problem), [admin_commands.assign_metastore(sight.workspace)])
    return Finding(GREEN, f"metastore {found.name} in {found.region}, known to others as {found.sharing_identifier}")


def _look_at_the_scope(sight: Sight, outside: dict[str, bool]) -> Finding:
    external = sight.ask(metastores.get_metastore).shares_externally
    if external is None:
        return Finding(UNKNOWN, "the metastore does not tell its delta_sharing_scope")
    if external:
        return Finding(GREEN, "delta_sharing_scope is INTERNAL_AND_EXTERNAL")
    # Told only where it is seen to be off: whether a house shares with others is not decided in passing.
    commands = admin_commands.share_externally(sight.workspace)
    surely = [name for name, other_account in outside.items() if other_account]
    if surely:
        return Finding(RED, f"delta_sharing_scope is INTERNAL: nothing reaches {', '.join(surely)}", commands)
    return Finding(WARNING, "delta_sharing_scope is INTERNAL: nothing reaches those of another account", commands)


def _look_for_serving(sight: Sight) -> Finding:
    try:
        count = sight.ask(preflight.count_endpoints)
    except (UnityCatalogUnavailable, WorkspaceFault, WorkspaceRefused) as problem:
        # FEATURE_DISABLED among them.
        return Finding(RED, tell(problem))
    return Finding(GREEN, f"it answers; {count} endpoints are seen")


def _look_for_the_warehouse(sight: Sight, warehouse: str) -> Finding:
    try:
        state = sight.ask(preflight.get_warehouse_state, warehouse, as_control=True)
    except UpstreamNotFound as problem:
        return Finding(RED, tell_missing(problem), [])
    except WorkspaceRefused as problem:
        return Finding(RED, tell(problem))
    if state in {"DELETED", "DELETING"}:
        return Finding(RED, f"it is {state}", [])
    return Finding(GREEN, f"it is {state}; a stopped one starts with its first statement")


def _needed_environment(configured: Workspace) -> str:
    if configured.compute.job_cluster is not None:
        return f"a Databricks Runtime that there is, {OLDEST_RUNTIME} or newer: jobs need Python 3.11"
    return f"a serverless environment of version {OLDEST_ENVIRONMENT} or newer: jobs need Python 3.11"


def _look_at_the_environment(sight: Sight) -> Finding:
    compute = configuration.current().workspaces[sight.workspace].compute
    if compute.job_cluster is None:
        version = compute.serverless.environment_version if compute.serverless else "4"
        seen = f"environment_version {version} is configured"
        return Finding(GREEN if version.isdigit() and int(version) >= OLDEST_ENVIRONMENT else RED, seen)
    wanted = compute.job_cluster.spark_version
    offered = sight.ask(preflight.list_runtimes)
    if wanted not in offered:
        return Finding(RED, f"{wanted} is not offered, but {', '.join(sorted(offered)) or 'nothing'}")
    release = re.match(r"\d+", wanted)
    is_new_enough = release is not None and int(release[0]) >= OLDEST_RUNTIME
    return Finding(GREEN if is_new_enough else RED, f"{wanted} is offered")
