"""Recipients as they are now: the metastores of the caller's audiences."""

from __future__ import annotations

from dataclasses import dataclass, field

from app import configuration
from app.domain import access, audiences, filled_pages, ownership
from app.domain.access import Caller
from app.workspaces import recipients
from app.workspaces.pages import Page
from app.workspaces.recipients import Recipient as Recipient


@dataclass(frozen=True)
class Known:
    """A recipient, whether it is ours, the workspace that it stands for (None: a partner's), and its audiences."""

    recipient: Recipient
    is_ours: bool
    workspace: str | None
    audiences: list[tuple[str, str]] = field(default_factory=list)


def list_page(caller: Caller, workspace: str, size: int, token: str | None) -> Page[Known]:
    """A page of the recipients that the caller's audiences declare; it may be empty and not the last.

    A workspace that cannot be asked for its sharing identifier is not recognised; that keeps nobody from the others.
    """
    access.get_workspace(caller, workspace)
    declared = _list_declared(caller)

    def get_page(at: str | None) -> Page[Known]:
        page = recipients.list_recipients(workspace, page_size=size, page_token=at)
        ours = [item for item in page.items if item.sharing_identifier in declared]
        known = [Known(item, ownership.is_ours(workspace, item), *declared[item.sharing_identifier]) for item in ours]
        return Page(known, page.next_page_token)

    return filled_pages.read(get_page, token)


def _list_declared(caller: Caller) -> dict[str | None, tuple[str | None, list[tuple[str, str]]]]:
    found: dict[str | None, tuple[str | None, list[tuple[str, str]]]] = {}
    for project in access.list_projects(caller):
        for audience in configuration.current().projects[project].audiences:
            for identifier, place in audiences.list_known_identifiers(project, audience).items():
                found.setdefault(identifier, (place, []))[1].append((project, audience))
    return found
