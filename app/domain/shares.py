"""Shares as they are now: those of the caller's audiences, by their derived names."""

from __future__ import annotations

from dataclasses import dataclass

from app import configuration
from app.configuration import share_name
from app.domain import access, filled_pages
from app.domain.access import READ, Caller, Name
from app.workspaces import shares
from app.workspaces.pages import Page
from app.workspaces.shares import Share as Share
from app.workspaces.shares import SharedObject as SharedObject


@dataclass(frozen=True)
class Owned:
    """A share, the audience of the caller's project that it is for, and who reads it (None in lists)."""

    project: str
    audience: str
    share: Share
    readers: list[str] | None


def list_page(caller: Caller, workspace: str, size: int, token: str | None) -> Page[Owned]:
    """A page of the shares of the caller's audiences, without objects and readers; it may be empty and not the last."""
    access.get_workspace(caller, workspace)
    known = _list_names(caller)

    def get_page(at: str | None) -> Page[Owned]:
        page = shares.list_shares(workspace, page_size=size, page_token=at)
        items = [Owned(*known[share.name], share, None) for share in page.items if share.name in known]
        return Page(items, page.next_page_token)

    return filled_pages.read(get_page, token)


def get(caller: Caller, workspace: str, share: str) -> Owned:
    """The share with its objects and readers; raises `NotInProject` or `ShareNotFound`."""
    access.check_live(caller, READ, Name("share", workspace, share))
    found = shares.get_share(workspace, share)
    return Owned(*_list_names(caller)[share], found, shares.list_readers(workspace, share))


def _list_names(caller: Caller) -> dict[str, tuple[str, str]]:
    declared = configuration.current().projects
    return {
        share_name(project, audience): (project, audience)
        for project in access.list_projects(caller)
        for audience in declared[project].audiences
    }
