"""To whom does an object of Unity Catalog belong? An owner has every privilege on it, and decides who else has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from databricks.sdk import WorkspaceClient

from app.errors import UpstreamNotFound
from app.workspaces import faults
from app.workspaces.clients import HTTP_TIMEOUT_SECONDS, connected
from app.workspaces.pages import iterate

Owned = Literal["catalog", "schema", "volume"]
_READ: dict[str, Callable[[WorkspaceClient, str], Any]] = {
    "catalog": lambda client, name: client.catalogs.get(name),
    "schema": lambda client, name: client.schemas.get(name),
    "volume": lambda client, name: client.volumes.read(name),
}


def get_owner(workspace: str, kind: Owned, name: str, *, timeout_seconds: float = HTTP_TIMEOUT_SECONDS) -> str | None:
    """The owner's name; raises `UpstreamNotFound` when there is no such object."""
    missing = faults.make_missing(UpstreamNotFound, workspace, kind, name)
    with connected(workspace, f"reading {kind} {name}", missing, timeout_seconds=timeout_seconds) as client:
        owner: str | None = _READ[kind](client, name).owner
    return owner


def list_schema_owners(
    workspace: str, catalog: str, *, timeout_seconds: float = HTTP_TIMEOUT_SECONDS
) -> dict[str, str | None]:
    """The owners of the catalog's schemas, by full name, by one list."""
    missing = faults.make_missing(UpstreamNotFound, workspace, "catalog", catalog)
    path, query = "/api/2.1/unity-catalog/schemas", {"catalog_name": catalog, "max_results": 0}
    with connected(workspace, f"listing schemas of {catalog}", missing, timeout_seconds=timeout_seconds) as client:
        return dict(iterate(client, path, "schemas", lambda item: (str(item["full_name"]), item.get("owner")), **query))
