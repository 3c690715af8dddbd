"""From whom may a consumer take? A provider is a metastore, found by its sharing identifier and never by its name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from databricks.sdk.service.sharing import ProviderInfo

from app.errors import ProviderNotFound
from app.workspaces import faults, metastores
from app.workspaces.clients import connected
from app.workspaces.pages import Page, as_time, get_page, iterate
from app.workspaces.recipients import SELF

PROVIDERS = "/api/2.1/unity-catalog/providers"


@dataclass(frozen=True)
class Provider:
    """A provider as the consumer sees it; the platform chooses its name [DOC]."""

    name: str
    sharing_identifier: str | None
    cloud: str | None
    region: str | None
    owner: str | None
    comment: str | None
    created_at: datetime | None


def list_providers(workspace: str, *, page_size: int = 0, page_token: str | None = None) -> Page[Provider]:
    """A page of the providers; 0 leaves the page's size to the platform."""
    query = {"max_results": page_size, "page_token": page_token}
    with connected(workspace, "listing providers") as client:
        return get_page(client, PROVIDERS, "providers", _as_provider, **query)


def find_provider(workspace: str, sharing_identifier: str) -> Provider | None:
    """The provider that is this metastore; `self` for the workspace's own. None: it has shared nothing yet."""
    if sharing_identifier == metastores.get_sharing_identifier(workspace):
        return Provider(SELF, sharing_identifier, None, None, None, None, None)
    query = {"max_results": 0, "data_provider_global_metastore_id": sharing_identifier}
    with connected(workspace, "looking for a provider") as client:
        found = iterate(client, PROVIDERS, "providers", _as_provider, **query)
        return next((item for item in found if item.sharing_identifier == sharing_identifier), None)


def get_provider(workspace: str, sharing_identifier: str) -> Provider:
    """The provider that is this metastore; raises `ProviderNotFound`."""
    found = find_provider(workspace, sharing_identifier)
    if found is None:
        raise ProviderNotFound(workspace=workspace, kind="provider", name=sharing_identifier)
    return found


def get_named_provider(workspace: str, name: str) -> Provider:
    """The provider that the workspace knows by this name; raises `ProviderNotFound`.

    For names that a list of providers gave out: whose they are, the sharing identifier tells.
    """
    missing = faults.make_missing(ProviderNotFound, workspace, "provider", name)
    with connected(workspace, f"reading provider {name}", missing) as client:
        return _as_provider(client.providers.get(name).as_dict())


def list_share_page(workspace: str, provider: str, *, page_size: int, page_token: str | None = None) -> Page[str]:
    """A page of the names of the shares that the provider has given to this metastore."""
    missing = faults.make_missing(ProviderNotFound, workspace, "provider", provider)
    query = {"max_results": page_size, "page_token": page_token}
    with connected(workspace, f"listing shares of provider {provider}", missing) as client:
        return get_page(client, f"{PROVIDERS}/{provider}/shares", "shares", lambda item: str(item["name"]), **query)


def list_shares(workspace: str, provider: str) -> list[str]:
    """The names of the shares that the provider has given to this metastore; new ones appear after about a minute."""
    missing = faults.make_missing(ProviderNotFound, workspace, "provider", provider)
    with connected(workspace, f"listing shares of provider {provider}", missing) as client:
        path = f"{PROVIDERS}/{provider}/shares"
        return sorted(iterate(client, path, "shares", lambda item: str(item["name"]), max_results=0))


def _as_provider(item: dict[str, Any]) -> Provider:
    found = ProviderInfo.from_dict(item)
    return Provider(
        name=str(found.name),
        sharing_identifier=found.data_provider_global_metastore_id,
        cloud=found.cloud,
        region=found.region,
        owner=found.owner,
        comment=found.comment,
        created_at=as_time(found.created_at),
    )
