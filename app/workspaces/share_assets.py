"""What lies in a share that was received? Everything in one request, with the aliases and tags that travelled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from databricks.sdk.service.sharing import (
    DeltaSharingFunction,
    ListProviderShareAssetsResponse,
    SharedSecurableKind,
)

from app.errors import ShareNotFound
from app.workspaces import faults
from app.workspaces.clients import connected


@dataclass(frozen=True)
class Asset:
    """A thing in a share: `kind` is model, table, volume, function, feature-spec or notebook, `name` is `schema.name`.

    `aliases` (alias to version) are a model's as its provider set them, None for everything else.
    """

    kind: str
    name: str
    comment: str | None
    aliases: dict[str, int] | None
    tags: dict[str, str]


def list_assets(workspace: str, provider: str, share: str) -> list[Asset]:
    """Everything in the share, by kind and name; raises `ShareNotFound` for one that is not seen (yet).

    The platform has no pages for it [SDK]. Models are among the functions [INF from the SDK's types].
    """
    faults.make_missing(ShareNotFound, workspace, "provider", provider)
    missing = faults.make_missing(ShareNotFound, workspace, "share", share)
    with connected(workspace, f"listing what is in share {share}", missing) as client:
        found = client.providers.list_provider_share_assets(provider, share)
    return sorted(read(found), key=lambda asset: (asset.kind, asset.name))


def read(found: ListProviderShareAssetsResponse) -> Iterator[Asset]:
    """The platform's lists as one."""
    for function in found.functions or []:
        yield _make(_kind(function), function, aliases=_read_aliases(function))
    for kind, items in (("table", found.tables), ("volume", found.volumes), ("notebook", found.notebooks)):
        for item in items or []:
            yield _make(kind, item, aliases=None)


def _kind(function: DeltaSharingFunction) -> str:
    kinds = {
        SharedSecurableKind.FUNCTION_REGISTERED_MODEL: "model",
        SharedSecurableKind.FUNCTION_FEATURE_SPEC: "feature-spec",
    }
    return kinds.get(function.securable_kind, "function") if function.securable_kind else "function"


def _read_aliases(function: DeltaSharingFunction) -> dict[str, int] | None:
    if _kind(function) != "model":
        return None
    return {one.alias_name: one.version_num or 0 for one in function.aliases or [] if one.alias_name}


def _make(kind: str, item: Any, aliases: dict[str, int] | None) -> Asset:
    # A notebook has no schema.
    schema = getattr(item, "schema", None)
    name = f"{schema}.{item.name}" if schema else str(item.name)
    tags = {str(tag.key): str(tag.value or "") for tag in item.tags or []}
    return Asset(kind, name, item.comment, aliases, tags)
