"""Catalogs as they are now: those in which the caller's projects declare something."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain import access, filled_pages
from app.domain.access import Caller, Name
from app.workspaces import catalogs
from app.workspaces.catalogs import Catalog as Catalog
from app.workspaces.pages import Page


@dataclass(frozen=True)
class Declared:
    """A catalog, and the caller's projects that declare something in it."""

    catalog: Catalog
    projects: list[str]


def list_page(caller: Caller, workspace: str, size: int, token: str | None) -> Page[Declared]:
    """A page of the catalogs that the caller's projects declare; it may be empty and not the last."""
    access.get_workspace(caller, workspace)

    def get_page(at: str | None) -> Page[Declared]:
        page = catalogs.list_catalogs(workspace, page_size=size, page_token=at)
        found = [Declared(item, _list_projects(caller, workspace, item.name)) for item in page.items]
        return Page([item for item in found if item.projects], page.next_page_token)

    return filled_pages.read(get_page, token)


def _list_projects(caller: Caller, workspace: str, catalog: str) -> list[str]:
    return [
        project
        for project in access.list_projects(caller)
        if access.declares(project, Name("catalog", workspace, catalog))
        or access.declares_within(project, workspace, catalog)
    ]
