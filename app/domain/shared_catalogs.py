"""A catalog made from a share: found or made, and when it shows what the project has published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.domain import catalog_users
from app.durable import Waiting
from app.errors import CatalogNotFound, ModelNotFound
from app.store import records as store
from app.store.acceptances import Acceptance
from app.store.publications import Publication
from app.workspaces import catalogs, models, providers


@dataclass(frozen=True)
class Accepting:
    """A share to take from a provider's metastore, known by its identifier, into a catalog of the consumer's.

    `provider_workspace` and `audience` are None for a partner's share. `also_seen_in` are the project's workspaces that
    stand on the consumer's metastore too. With `copy_to`, a schema, the consumer keeps copies of its own there; the job
    that makes them works in `volume`, which is control's.
    """

    project: str
    workspace: str
    identifier: str
    provider_workspace: str | None
    provider_identifier: str
    audience: str | None
    share: str
    catalog: str
    runner: str
    readers: list[str]
    visible_within_seconds: int
    also_seen_in: list[str]
    volume: str
    copy_to: str | None

    @property
    def lock(self) -> str:
        """Catalogs belong to the metastore, whichever of its workspaces asks."""
        return lock(self.identifier, self.share)

    @property
    def workspaces(self) -> list[str]:
        """Where accepting works."""
        return [self.workspace, *([self.provider_workspace] if self.provider_workspace else [])]

    @property
    def users(self) -> list[str]:
        """Who is let into the catalog."""
        return [self.runner, *self.readers]

    @property
    def same_metastore(self) -> bool:
        """Whether the platform's own `self` shares."""
        return self.identifier == self.provider_identifier

    @property
    def parties(self) -> dict[str, Any]:
        """What a record says of the two sides from its beginning."""
        sides = {"provider_identifier": self.provider_identifier, "consumer_identifier": self.identifier}
        return {**sides, "also_seen_in": self.also_seen_in}


def lock(identifier: str, share: str) -> str:
    """What accepting and giving back lock: the consumer's metastore and the share."""
    return f"{identifier}/shares/{share}"


def look_for_share(accepting: Accepting) -> Waiting | dict[str, Any]:
    """Once the consumer sees the share: the name by which it knows the `provider`, and what the catalog's users are
    `lacking`, as long as nothing has been granted yet.
    """
    provider = providers.find_provider(accepting.workspace, accepting.provider_identifier)
    if provider is None:
        return Waiting(f"{accepting.workspace} does not see the provider {accepting.provider_identifier} yet")
    if accepting.share not in providers.list_shares(accepting.workspace, provider.name):
        return Waiting(f"provider {provider.name} does not show share {accepting.share} yet")
    lacking = catalog_users.list_lacking(accepting.workspace, accepting.catalog, accepting.users)
    return {"provider": provider.name, "lacking": lacking}


def ensure(accepting: Accepting, provider: str) -> bool:
    """Make or find the catalog; whether Causeway made it for this project, by its comment.

    A lost answer makes "made" and "found" look the same, and an earlier acceptance may have failed after making it.
    """
    purpose = f"audience {accepting.audience}" if accepting.audience else f"a partner's share {accepting.share}"
    comment = f"Made by Causeway for {purpose} of project {accepting.project}."
    found = catalogs.ensure_shared_catalog(
        accepting.workspace, accepting.catalog, provider=provider, share=accepting.share, comment=comment
    )
    return found.comment == comment


def list_publications(accepting: Accepting | Acceptance) -> list[Publication]:
    """What is published now for the audience that is accepted; nothing from a partner."""
    if accepting.provider_workspace is None:
        return []
    place = {"workspace": accepting.provider_workspace, "audience": accepting.audience}
    return store.list_all(Publication, project=accepting.project, state="ACTIVE", **place)


def list_promised(accepting: Accepting | Acceptance) -> list[tuple[str, int]]:
    """What the catalog should show: each published model, by its name there, and version."""
    published = list_publications(accepting)
    return sorted(
        {(f"{accepting.catalog}.{one.outcome['shared_as']}", one.published_version or 0) for one in published}
    )


def look_for_versions(accepting: Accepting) -> Waiting | int:
    """How many versions were promised, once the consumer sees each of them READY; a request a model, whatever their
    number. A look ends at the first model that lacks one: the last published, which may be late, come first.

    Raises `CatalogNotFound`: in a catalog that somebody has deleted meanwhile, nothing is seen however long one waits.
    """
    promised, wanted = list_promised(accepting), dict[str, set[int]]()
    for one in reversed(list_publications(accepting)):
        model = f"{accepting.catalog}.{one.outcome['shared_as']}"
        wanted.setdefault(model, set()).add(one.published_version or 0)
    for model, versions in wanted.items():
        if missing := versions - _list_ready(accepting, model):
            return Waiting(f"{len(promised)} versions were promised; waiting for {model} version {min(missing)}")
    return len(promised)


def _list_ready(accepting: Accepting, model: str) -> set[int]:
    place, catalog = accepting.workspace, accepting.catalog
    try:
        return {one.version for one in models.iterate_versions(place, model) if one.state == models.READY}
    except ModelNotFound:
        if catalogs.find_catalog(place, catalog) is None:
            raise CatalogNotFound(workspace=place, kind="catalog", name=catalog) from None
        return set()
