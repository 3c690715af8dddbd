"""Providers as they are now: the metastores of the workspaces that are linked to this one, and declared partners."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from app import configuration
from app.domain import access, filled_pages, partners
from app.domain.access import Caller
from app.errors import UpstreamProblem
from app.workspaces import metastores, providers
from app.workspaces.pages import Page
from app.workspaces.providers import Provider as Provider


@dataclass(frozen=True)
class Linked:
    """A provider, and the linked workspace whose metastore it is; None for a partner that a project declares."""

    provider: Provider
    provider_workspace: str | None


def list_page(caller: Caller, workspace: str, size: int, token: str | None) -> Page[Linked]:
    """A page of the providers that are linked workspaces or partners of the caller's; it may be empty, not the last.

    A workspace that cannot be asked for its sharing identifier is not recognised; that keeps nobody from the others.
    """
    access.get_workspace(caller, workspace)
    sources = list_sources(caller, workspace)
    known = {*sources, *partners.list_shares(caller, workspace)}

    def get_page(at: str | None) -> Page[Linked]:
        page = providers.list_providers(workspace, page_size=size, page_token=at)
        ours = [item for item in page.items if item.sharing_identifier in known]
        return Page([Linked(item, sources.get(item.sharing_identifier)) for item in ours], page.next_page_token)

    return filled_pages.read(get_page, token)


def list_sources(caller: Caller, workspace: str) -> dict[str | None, str]:
    """The caller's workspaces that are linked to this one, by sharing identifier, as far as they answer."""
    visible, found = access.list_workspaces(caller), dict[str | None, str]()
    for link in configuration.current().links:
        if link.target == workspace and link.source in visible:
            with suppress(UpstreamProblem):
                found[metastores.get_sharing_identifier(link.source)] = link.source
    return found
