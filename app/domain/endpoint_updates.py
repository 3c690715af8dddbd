"""How an endpoint gets from what it serves to what is wanted: each function is a step, or a poll, of a deployment.

Each reads the live endpoint first, so that one that runs again finds what it did before.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import Any

from app.domain.serving_endpoints import DEPLOYMENT_TAG, MODEL_TAG, PROJECT_TAG, VERSION_TAG
from app.durable import Waiting
from app.errors import DeploymentFailed, EndpointNameTaken, WorkspaceRefused, WrittenNotVisible
from app.workspaces import build_logs, endpoints
from app.workspaces.endpoints import Endpoint, EntityState, ServedEntity

READY = "DEPLOYMENT_READY"
UPDATING = "IN_PROGRESS"
FAILED = {"UPDATE_FAILED", "UPDATE_CANCELED"}
NAME_LENGTH = 63

Entities = list[dict[str, Any]]
"""Served entities as plain values: what steps hand on."""


@dataclass(frozen=True)
class Deploying:
    """Which version to serve at which endpoint, and how large; `digest` is that of its publication, if it has one."""

    project: str
    workspace: str
    endpoint: str
    model: str
    version: int
    workload_size: str
    scale_to_zero: bool
    digest: str | None = None

    def entity(self, name: str, traffic: int) -> ServedEntity:
        """The version as a served entity."""
        return ServedEntity(
            name=name,
            model=self.model,
            version=str(self.version),
            traffic=traffic,
            workload_size=self.workload_size,
            scale_to_zero=self.scale_to_zero,
        )

    def tags(self, deployment_id: str) -> dict[str, str]:
        """What the endpoint says of itself in its workspace."""
        made = {PROJECT_TAG: self.project, DEPLOYMENT_TAG: deployment_id}
        return {**made, MODEL_TAG: self.model, VERSION_TAG: str(self.version)}


def lock(workspace: str, endpoint: str) -> str:
    """What deploying locks: one change of an endpoint at a time."""
    return f"{workspace}/endpoints/{endpoint}"


def find_own(deploying: Deploying) -> Endpoint | None:
    """The live endpoint, or None; raises `EndpointNameTaken` for one that Causeway did not make for the project."""
    try:
        found = endpoints.find_endpoint(deploying.workspace, deploying.endpoint)
    except WorkspaceRefused as problem:
        # Whoever makes an endpoint may always view it, and nobody else may without being let [DOC].
        raise _taken(deploying) from problem
    if found is not None and (found.tags.get(PROJECT_TAG) != deploying.project or DEPLOYMENT_TAG not in found.tags):
        raise _taken(deploying)
    return found


def find_serving(deploying: Deploying, found: Endpoint | None) -> tuple[str, list[ServedEntity]]:
    """The name under which the version is or will be served, and the entities that have traffic now.

    What has none was left by a deployment that was stopped midway; it goes with the first update.
    """
    serving = [state.entity for state in found.active if state.entity.traffic] if found else []
    for entity in serving:
        if replace(entity, traffic=0) == deploying.entity(entity.name, 0):
            return entity.name, serving
    last = re.sub(r"[^A-Za-z0-9_-]", "-", deploying.model.rpartition(".")[2])
    taken = {entity.name for entity in serving}
    endings = (f"-v{deploying.version}" + (f"-{again}" if again > 1 else "") for again in count(1))
    names = (last[: NAME_LENGTH - len(ending)] + ending for ending in endings)
    return next(name for name in names if name not in taken), serving


def look(deploying: Deploying) -> Waiting | dict[str, Any]:
    """What the endpoint serves once nobody is changing it: `served` is our name in it, `before` what has traffic, and
    `idle` whether there is something without.
    """
    found = find_own(deploying)
    if found is not None and found.update == UPDATING:
        return Waiting(f"waiting for an update of {deploying.endpoint} that Causeway did not start")
    served, serving = find_serving(deploying, found)
    idle = found is not None and len(found.active) > len(serving)
    before = [asdict(entity) for entity in serving]
    return {"exists": found is not None, "served": served, "before": before, "idle": idle}


def create(deploying: Deploying, served: str, deployment_id: str) -> None:
    """Make the endpoint; raises `EndpointNameTaken` when somebody else was first."""
    place, tags = (deploying.workspace, deploying.endpoint), deploying.tags(deployment_id)
    found = endpoints.ensure_endpoint(*place, [deploying.entity(served, 100)], tags=tags)
    if found.tags.get(DEPLOYMENT_TAG) != deployment_id:
        raise _taken(deploying)


def apply(deploying: Deploying, entities: Entities) -> Waiting | bool:
    """Have the endpoint begin to serve exactly these; waits while somebody else is changing it."""
    wanted = [ServedEntity(**entity) for entity in entities]
    found = endpoints.get_endpoint(deploying.workspace, deploying.endpoint)
    pending = {state.entity for state in found.pending or []}
    if found.update == UPDATING and pending != set(wanted):
        return Waiting(f"waiting for an update of {deploying.endpoint} that Causeway did not start")
    endpoints.ensure_config(deploying.workspace, deploying.endpoint, wanted)
    return True


def settle(deploying: Deploying, entities: Entities, served: str) -> Waiting | bool:
    """Whether the endpoint serves exactly these; raises `DeploymentFailed` once it is clear that it will not."""
    wanted = {ServedEntity(**entity) for entity in entities}
    found = endpoints.get_endpoint(deploying.workspace, deploying.endpoint)
    if found.update == UPDATING:
        return Waiting(_tell(found.pending or found.active))
    if {state.entity for state in found.active} == wanted:
        if all(state.state == READY for state in found.active):
            return True
        if not any(state.state == "DEPLOYMENT_FAILED" for state in found.active):
            return Waiting(_tell(found.active))
    elif found.update not in FAILED and not found.active:
        return Waiting("waiting for the endpoint to begin")
    raise _failure(deploying, found, served)


def read_back(deploying: Deploying, served: str) -> dict[str, Any]:
    """What a fresh read says: exactly the wanted version, ready, with all traffic."""
    found = endpoints.get_endpoint(deploying.workspace, deploying.endpoint)
    if not found.ready or [state.entity for state in found.active] != [deploying.entity(served, 100)]:
        action = f"serving {deploying.model} version {deploying.version}"
        raise WrittenNotVisible(workspace=deploying.workspace, action=action)
    return {"id": found.id, "creator": found.creator, "served_entity": served}


def label(deploying: Deploying, deployment_id: str) -> None:
    """Write on the endpoint which deployment it serves now."""
    endpoints.ensure_tags(deploying.workspace, deploying.endpoint, deploying.tags(deployment_id))


def remove(deploying: Deploying, deployment_id: str) -> None:
    """Delete the endpoint if this deployment made it, or nothing serves there; somebody else's of that name stays."""
    try:
        found = find_own(deploying)
    except EndpointNameTaken:
        return
    if found is not None and (found.tags.get(DEPLOYMENT_TAG) == deployment_id or not found.active):
        endpoints.remove_endpoint(deploying.workspace, deploying.endpoint)


def put_back(deploying: Deploying, before: ServedEntity) -> None:
    """Have the endpoint serve `before` alone, if what `deploying` wants has come into it; otherwise it stays as it is.

    Raises `WorkspaceConflict` while an update is under way.
    """
    found = find_own(deploying)
    states = [*found.active, *(found.pending or [])] if found else []
    if any(replace(state.entity, traffic=0) == deploying.entity(state.entity.name, 0) for state in states):
        endpoints.ensure_config(deploying.workspace, deploying.endpoint, [before])


def _taken(deploying: Deploying) -> EndpointNameTaken:
    return EndpointNameTaken(workspace=deploying.workspace, endpoint=deploying.endpoint, project=deploying.project)


def _tell(states: list[EntityState]) -> str:
    return "; ".join(f"{state.entity.name}: {state.state} {state.message}".strip() for state in states)


def _failure(deploying: Deploying, found: Endpoint, served: str) -> DeploymentFailed:
    place = (deploying.workspace, deploying.endpoint, served)
    build, server = build_logs.list_last_lines(*place, "build"), build_logs.list_last_lines(*place, "server")
    messages = [state.message for state in [*(found.pending or []), *found.active] if state.entity.name == served]
    said = next(filter(None, messages), "somebody else changed the endpoint meanwhile")
    return DeploymentFailed(
        workspace=deploying.workspace,
        endpoint=deploying.endpoint,
        model=deploying.model,
        version=deploying.version,
        cause=build_logs.find_cause([*build, *server]) or said.rstrip("."),
        last_lines=[*build[-20:], *server[-20:]],
    )
