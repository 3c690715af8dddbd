"""Which catalogs has a metastore, and which of them are made from a provider's share?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from databricks.sdk.service.catalog import CatalogInfo

from app.errors import (
    AlreadyExists,
    CatalogNameTaken,
    CatalogNotFound,
    ShareNotFound,
    UpstreamNotFound,
    WorkspaceRefused,
    WrittenNotVisible,
)
from app.workspaces import faults
from app.workspaces.clients import connected
from app.workspaces.pages import Page, as_time, get_page, iterate

CATALOGS = "/api/2.1/unity-catalog/catalogs"


@dataclass(frozen=True)
class Catalog:
    """A catalog; `provider` and `share` say what a shared, read-only one is made from."""

    name: str
    kind: str | None
    provider: str | None
    share: str | None
    owner: str | None
    comment: str | None
    created_at: datetime | None

    def is_made_from(self, provider: str, share: str) -> bool:
        """Whether it is the provider's share; names are case-insensitive."""
        return ((self.provider or "").lower(), (self.share or "").lower()) == (provider.lower(), share.lower())


def list_catalogs(workspace: str, *, page_size: int = 0, page_token: str | None = None) -> Page[Catalog]:
    """A page of the catalogs that Causeway may see; 0 leaves the page's size to the platform."""
    query = {"max_results": page_size, "page_token": page_token}
    with connected(workspace, "listing catalogs") as client:
        return get_page(client, CATALOGS, "catalogs", _as_listed_catalog, **query)


def iterate_catalogs(workspace: str) -> Iterator[Catalog]:
    """Every catalog that Causeway may see, a request a page."""
    with connected(workspace, "listing catalogs") as client:
        yield from list(iterate(client, CATALOGS, "catalogs", _as_listed_catalog, max_results=0))


def find_catalog(workspace: str, catalog: str) -> Catalog | None:
    """The catalog, or None."""
    try:
        with connected(workspace, f"reading catalog {catalog}", _missing(workspace, catalog)) as client:
            return _as_catalog(client.catalogs.get(catalog))
    except CatalogNotFound:
        return None


def find_visible_catalog(workspace: str, catalog: str) -> Catalog | None:
    """The catalog, or None when there is none or the platform does not let Causeway see it.

    Somebody else's may be refused to us; whether the name is free is then for the platform to say.
    """
    try:
        return find_catalog(workspace, catalog)
    except WorkspaceRefused:
        return None


def ensure_shared_catalog(workspace: str, catalog: str, *, provider: str, share: str, comment: str) -> Catalog:
    """The catalog made from the share, created if there is none of this name.

    Raises `CatalogNameTaken` when one of this name is something else, `ShareNotFound` when the share cannot be seen
    (yet).
    """
    action, taken = f"creating catalog {catalog}", False
    found = find_visible_catalog(workspace, catalog)
    if found is None:
        missing = faults.make_missing(ShareNotFound, workspace, "share", share)
        try:
            with connected(workspace, action, missing) as client:
                client.catalogs.create(catalog, provider_name=provider, share_name=share, comment=comment)
        except AlreadyExists:
            taken = True  # by a lost answer, or by somebody else: the read below tells what it is
        found = find_visible_catalog(workspace, catalog)
    if found is None and taken:
        raise CatalogNameTaken(workspace=workspace, catalog=catalog, share=share)
    if found is None:
        raise WrittenNotVisible(workspace=workspace, action=action)
    return _checked(workspace, found, provider, share)


def remove_shared_catalog(workspace: str, catalog: str, *, provider: str, share: str) -> None:
    """Delete the catalog made from the share; one that is gone is a success. What it showed stays with its provider.

    Raises `CatalogNameTaken` when the catalog of this name is something else.
    """
    found = find_catalog(workspace, catalog)
    if found is None:
        return
    _checked(workspace, found, provider, share)
    action = f"deleting catalog {catalog}"
    try:
        with connected(workspace, action, _missing(workspace, catalog)) as client:
            client.catalogs.delete(catalog, force=True)
    except CatalogNotFound:
        return
    if find_catalog(workspace, catalog) is not None:
        raise WrittenNotVisible(workspace=workspace, action=action)


def list_schemas(workspace: str, catalog: str) -> list[str]:
    """The names of the catalog's schemas; raises `CatalogNotFound`."""
    with connected(workspace, f"listing schemas of {catalog}", _missing(workspace, catalog)) as client:
        path, query = "/api/2.1/unity-catalog/schemas", {"catalog_name": catalog, "max_results": 0}
        return sorted(iterate(client, path, "schemas", lambda item: str(item["name"]), **query))


def ensure_schema(workspace: str, catalog: str, schema: str, *, comment: str) -> None:
    """The schema in a catalog of our own, made if there is none; raises `CatalogNotFound`."""
    if _has_schema(workspace, catalog, schema):
        return
    action = f"creating schema {catalog}.{schema}"
    # There already: by a lost answer, or for another publication a moment ago.
    with suppress(AlreadyExists), connected(workspace, action, _missing(workspace, catalog)) as client:
        client.schemas.create(schema, catalog, comment=comment)
    if not _has_schema(workspace, catalog, schema):
        raise WrittenNotVisible(workspace=workspace, action=action)


def _missing(workspace: str, catalog: str) -> UpstreamNotFound:
    return faults.make_missing(CatalogNotFound, workspace, "catalog", catalog)


def _checked(workspace: str, found: Catalog, provider: str, share: str) -> Catalog:
    if not found.is_made_from(provider, share):
        raise CatalogNameTaken(workspace=workspace, catalog=found.name, share=share)
    return found


def _has_schema(workspace: str, catalog: str, schema: str) -> bool:
    name = f"{catalog}.{schema}"
    missing = faults.make_missing(UpstreamNotFound, workspace, "schema", name)
    try:
        with connected(workspace, f"reading schema {name}", missing) as client:
            client.schemas.get(name)
    except UpstreamNotFound:
        return False
    return True


def _as_listed_catalog(item: dict[str, Any]) -> Catalog:
    return _as_catalog(CatalogInfo.from_dict(item))


def _as_catalog(found: CatalogInfo) -> Catalog:
    return Catalog(
        name=str(found.name),
        kind=found.catalog_type.value if found.catalog_type else None,
        provider=found.provider_name,
        share=found.share_name,
        owner=found.owner,
        comment=found.comment,
        created_at=as_time(found.created_at),
    )
