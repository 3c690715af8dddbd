"""Who else could write where only Causeway may: in a provider's catalog of vetted copies? For preflight, for drift."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app import configuration
from app.errors import WorkspaceRoleMismatch
from app.workspaces import grants, identities, models, owners
from app.workspaces.clients import HTTP_TIMEOUT_SECONDS

OWNER = "OWNER"
# Everything else makes, changes or hands on: CREATE_SCHEMA and CREATE_MODEL as well as MANAGE and ALL_PRIVILEGES.
READING = {"USE_CATALOG", "USE_SCHEMA", "EXECUTE", "SELECT", "READ_VOLUME", "BROWSE", "EXTERNAL_USE_SCHEMA"}


@dataclass(frozen=True)
class Writer:
    """Somebody who may write, where, and by which rights: privileges in force there, or `OWNER`."""

    principal: str
    place: str
    rights: list[str]


def get(workspace: str) -> str:
    """The workspace's catalog of vetted copies; raises `WorkspaceRoleMismatch` where none is configured."""
    catalog = configuration.current().workspaces[workspace].shareable_catalog
    if catalog is None:
        raise WorkspaceRoleMismatch(workspace=workspace, setting="shareable_catalog")
    return catalog


def list_other_writers(
    workspace: str,
    schema: str | None = None,
    control: str | None = None,
    *,
    timeout_seconds: float = HTTP_TIMEOUT_SECONDS,
) -> list[Writer]:
    """Whoever but control may write in the catalog of vetted copies, or in one `catalog.schema` of it; empty is good.

    Told are owners (of the catalog and its schemas, or of the schema and its models) and privileges in force, groups
    and `account users` included. Three requests, and one a page of models; control's name is asked for once. An empty
    answer is a proof: the platform hides others' grants from all but the owner, so that a catalog of somebody else is
    told as that owner's. Raises `UpstreamNotFound` for what is not there.
    """
    catalog, control = get(workspace), control or identities.get_control(workspace)
    belongs = {catalog: owners.get_owner(workspace, "catalog", catalog, timeout_seconds=timeout_seconds)}
    if schema is None:
        belongs |= list_schemas(workspace, catalog, timeout_seconds=timeout_seconds)
        held = grants.list_effective(workspace, "catalog", catalog, timeout_seconds=timeout_seconds)
    else:
        belongs[schema] = owners.get_owner(workspace, "schema", schema, timeout_seconds=timeout_seconds)
        belongs |= {model.name: model.owner for model in models.iterate_models(workspace, schema)}
        held = grants.list_effective(workspace, "schema", schema, timeout_seconds=timeout_seconds)
    return list_writers(control, belongs, schema or catalog, held)


def list_writers(control: str, belongs: dict[str, str | None], place: str, held: dict[str, set[str]]) -> list[Writer]:
    """Others than control, by the owners of the places and by the privileges in force at one of them."""
    found = [Writer(str(owner), owned, [OWNER]) for owned, owner in belongs.items() if owner != control]
    return [*found, *_list_holders(held, control, place)]


def list_schemas(
    workspace: str, catalog: str, *, timeout_seconds: float = HTTP_TIMEOUT_SECONDS
) -> dict[str, str | None]:
    """The catalog's schemas by full name, each with its owner, by one list."""
    found = owners.list_schema_owners(workspace, catalog, timeout_seconds=timeout_seconds)
    # It is the platform's own, a view of what is there.
    return {name: owner for name, owner in found.items() if not name.endswith(".information_schema")}


def _list_holders(held: dict[str, set[str]], control: str, place: str) -> Iterator[Writer]:
    for principal, privileges in sorted(held.items()):
        if principal != control and (writing := sorted(privileges - READING)):
            yield Writer(principal, place, writing)
