"""Catalogs of a workspace as they are now: those in which the caller's projects declare something."""

from __future__ import annotations

from fastapi import APIRouter

from app.domain import catalogs
from app.errors import PageTokenInvalid, WorkspaceNotFound
from app.http.conventions import pages
from app.http.conventions.bodies import Response, Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.live import look
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1/workspaces/{workspace:id}/catalogs", tags=["catalogs"])


class CatalogBody(Response):
    """A catalog."""

    name: str
    kind: str | None
    """The platform's word, such as `DELTASHARING_CATALOG` for one made from a share."""
    provider: str | None
    """The provider's name, for one made from a share."""
    share: str | None
    projects: list[str]
    """The caller's projects that declare something in it."""
    owner: str | None
    comment: str | None
    created_at: Time | None


class CatalogPage(PageBody):
    """Catalogs, in the platform's order."""

    items: list[CatalogBody]


@router.get("", responses=problems(PageTokenInvalid, WorkspaceNotFound))
async def list_catalogs(
    workspace: str, caller: CurrentCaller, page_size: PageSize = 50, page_token: PageToken = None
) -> CatalogPage:
    """The live catalogs that the caller's projects declare; a page may be empty and not the last."""
    filters = {"workspace": workspace}
    after = pages.decode(page_token, "catalogs", filters)
    page = await look(workspace, "listing catalogs", catalogs.list_page, caller, workspace, page_size, after)
    items = [CatalogBody.model_validate({**vars(found.catalog), "projects": found.projects}) for found in page.items]
    return CatalogPage(items=items, next_page_token=pages.encode(page.next_page_token, "catalogs", filters))
