"""Serving endpoints as they stand now: those whose names the caller's projects declare, and no others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from app.domain import access
from app.domain.access import READ, Caller, Name
from app.workspaces import endpoints
from app.workspaces.endpoints import Endpoint as Endpoint
from app.workspaces.endpoints import EntityState as EntityState
from app.workspaces.endpoints import ListedEndpoint

# Which project's an endpoint is, and which of our records describes it.
PROJECT_TAG, DEPLOYMENT_TAG, MODEL_TAG, VERSION_TAG = (
    "causeway_project",
    "causeway_deployment",
    "causeway_model",
    "causeway_version",
)
NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")


@dataclass(frozen=True)
class Owned:
    """An endpoint, the caller's project that declares its name, and the deployment that its tags name."""

    project: str
    deployment_id: str | None
    endpoint: Any


def get(caller: Caller, workspace: str, endpoint: str) -> Owned:
    """The live endpoint with its active and pending configuration; raises `NotInProject` or `EndpointNotFound`."""
    project = access.check_live(caller, READ, Name("endpoint", workspace, endpoint))
    return _own(project, endpoints.get_endpoint(workspace, endpoint))


def list_all(caller: Caller, workspace: str) -> list[Owned]:
    """The live endpoints whose names the caller's projects declare, by name."""
    access.get_workspace(caller, workspace)
    projects = access.list_projects(caller)
    found = endpoints.list_endpoints(workspace)
    return [
        _own(project, item)
        for item in found
        for project in projects
        if access.declares(project, Name("endpoint", workspace, item.name))
    ]


def _own(project: str, found: Endpoint | ListedEndpoint) -> Owned:
    is_ours = found.tags.get(PROJECT_TAG) == project
    return Owned(project, found.tags.get(DEPLOYMENT_TAG) if is_ours else None, found)
