"""What a provider shares with a workspace as it is now: those shares that projects of the caller may accept."""

from __future__ import annotations

from dataclasses import dataclass

from app import configuration
from app.configuration import share_name
from app.domain import access, filled_pages, partners
from app.domain.access import Caller, Name
from app.domain.providers import list_sources
from app.errors import ProviderNotFound
from app.workspaces import providers, share_assets
from app.workspaces.pages import Page
from app.workspaces.providers import Provider
from app.workspaces.share_assets import Asset as Asset


@dataclass(frozen=True)
class Offered:
    """A share, its provider, and the caller's projects that may accept it; `assets` is None in lists."""

    name: str
    provider: Provider
    provider_workspace: str | None
    projects: list[str]
    assets: list[Asset] | None


def list_page(caller: Caller, workspace: str, provider: str, size: int, token: str | None) -> Page[Offered]:
    """A page of the provider's shares that the caller's projects may accept, without assets.

    Raises `ProviderNotFound` for a provider that is neither linked nor a partner of theirs, as for one that is not
    there.
    """
    access.get_workspace(caller, workspace)
    found, source, takers = _look(caller, workspace, provider)

    def get_page(at: str | None) -> Page[Offered]:
        page = providers.list_share_page(workspace, found.name, page_size=size, page_token=at)
        items = [Offered(share, found, source, takers[share], None) for share in page.items if share in takers]
        return Page(items, page.next_page_token)

    return filled_pages.read(get_page, token)


def get(caller: Caller, workspace: str, provider: str, share: str) -> Offered:
    """The share with all that is in it, in one request of the platform; raises `NotInProject` or `ShareNotFound`."""
    access.get_workspace(caller, workspace)
    of_partners = partners.list_shares(caller, workspace).values()
    if share not in _list_own(caller) and not any(share in shares for shares in of_partners):
        raise access.make_undeclared(caller, Name("share", workspace, share))
    found, source, takers = _look(caller, workspace, provider)
    if share not in takers:
        raise access.make_undeclared(caller, Name("share", workspace, f"{provider}/{share}"))
    assets = share_assets.list_assets(workspace, found.name, share)
    return Offered(share, found, source, takers[share], assets)


def _look(caller: Caller, workspace: str, provider: str) -> tuple[Provider, str | None, dict[str, list[str]]]:
    """The provider, the linked workspace that stands on it, and which of its shares are for which projects."""
    found = providers.get_named_provider(workspace, provider)
    source = list_sources(caller, workspace).get(found.sharing_identifier)
    takers = {share: list(projects) for share, projects in _list_own(caller).items()} if source else {}
    for share, projects in partners.list_shares(caller, workspace).get(found.sharing_identifier or "", {}).items():
        takers.setdefault(share, []).extend(projects)
    if not takers:
        raise ProviderNotFound(workspace=workspace, kind="provider", name=provider)
    return found, source, takers


def _list_own(caller: Caller) -> dict[str, list[str]]:
    """The shares that are derived from the audiences of the caller's projects."""
    declared = configuration.current().projects
    return {
        share_name(project, audience): [project]
        for project in access.list_projects(caller)
        for audience in declared[project].audiences
    }
