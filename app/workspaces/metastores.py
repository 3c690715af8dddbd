"""Which metastore stands behind a workspace, and by which sharing identifier do others know it?"""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import WorkspaceFault
from app.workspaces.clients import HTTP_TIMEOUT_SECONDS, connected, get_connection


@dataclass(frozen=True)
class Metastore:
    """`shares_externally` is None where the platform does not say; its owner is the metastore admin, or their group."""

    id: str
    sharing_identifier: str
    name: str | None
    cloud: str | None
    region: str | None
    shares_externally: bool | None
    owner: str | None


def get_metastore(workspace: str, *, timeout_seconds: float = HTTP_TIMEOUT_SECONDS) -> Metastore:
    """The metastore that the workspace is assigned to, as it is now."""
    action = "reading the metastore"
    with connected(workspace, action, timeout_seconds=timeout_seconds) as client:
        found = client.metastores.summary()
    if not found.global_metastore_id:
        raise WorkspaceFault(workspace=workspace, action=action)
    scope = found.delta_sharing_scope
    return Metastore(
        id=str(found.metastore_id),
        sharing_identifier=found.global_metastore_id,
        name=found.name,
        cloud=found.cloud,
        region=found.region,
        shares_externally=None if scope is None else scope.value == "INTERNAL_AND_EXTERNAL",
        owner=found.owner,
    )


def get_sharing_identifier(workspace: str) -> str:
    """`<cloud>:<region>:<uuid>`; asked once and kept, since a workspace does not change its metastore."""
    connection = get_connection(workspace)
    if connection.sharing_identifier is None:
        connection.sharing_identifier = get_metastore(workspace).sharing_identifier
    return connection.sharing_identifier
