"""Providers of a workspace as they are now: the metastores of the workspaces linked to it, and declared partners."""

from __future__ import annotations

from fastapi import APIRouter

from app.domain import providers
from app.errors import PageTokenInvalid, WorkspaceNotFound
from app.http.conventions import pages
from app.http.conventions.bodies import Response, Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.live import look
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1/workspaces/{workspace:id}/providers", tags=["providers"])


class ProviderBody(Response):
    """A metastore that shares with this one."""

    name: str
    """The name that the platform gave it; it is found by its sharing identifier."""
    sharing_identifier: str | None
    provider_workspace: str | None
    """The linked workspace that stands on it; null for a partner."""
    cloud: str | None
    region: str | None
    owner: str | None
    comment: str | None
    created_at: Time | None


class ProviderPage(PageBody):
    """Providers, in the platform's order."""

    items: list[ProviderBody]


@router.get("", responses=problems(PageTokenInvalid, WorkspaceNotFound))
async def list_providers(
    workspace: str, caller: CurrentCaller, page_size: PageSize = 50, page_token: PageToken = None
) -> ProviderPage:
    """The live providers that are linked workspaces or declared partners; a page may be empty and not the last.

    One whose workspace cannot be asked for its sharing identifier just now is left out.
    """
    filters = {"workspace": workspace}
    after = pages.decode(page_token, "providers", filters)
    page = await look(workspace, "listing providers", providers.list_page, caller, workspace, page_size, after)
    items = [
        ProviderBody.model_validate({**vars(linked.provider), "provider_workspace": linked.provider_workspace})
        for linked in page.items
    ]
    return ProviderPage(items=items, next_page_token=pages.encode(page.next_page_token, "providers", filters))
