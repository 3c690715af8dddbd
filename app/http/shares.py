"""Shares of a workspace as they are now: those of the caller's audiences."""

from __future__ import annotations

from fastapi import APIRouter

from app.domain import shares
from app.domain.shares import Owned
from app.errors import PageTokenInvalid, ShareNotFound, WorkspaceNotFound
from app.http.conventions import pages
from app.http.conventions.bodies import Response, Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.live import look
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1/workspaces/{workspace:id}/shares", tags=["shares"])


class ShareSummary(Response):
    """A share as the platform's list tells of it."""

    name: str
    project: str
    audience: str
    owner: str | None
    comment: str | None
    created_at: Time | None
    updated_at: Time | None


class SharedObject(Response):
    """One thing in a share."""

    kind: str
    name: str
    shared_as: str | None
    """The `schema.name` by which consumers see it."""
    active: bool
    """False when the share's owner lost its right to it: consumers then see nothing."""


class ShareBody(ShareSummary):
    """A share, what is in it, and who reads it."""

    objects: list[SharedObject]
    readers: list[str]
    """The recipients with SELECT, each of whom sees all of it."""


class SharePage(PageBody):
    """Shares, in the platform's order."""

    items: list[ShareSummary]


@router.get("", responses=problems(PageTokenInvalid, WorkspaceNotFound))
async def list_shares(
    workspace: str, caller: CurrentCaller, page_size: PageSize = 50, page_token: PageToken = None
) -> SharePage:
    """The live shares of the caller's audiences; a page may be empty and not the last."""
    after = pages.decode(page_token, "shares", {"workspace": workspace})
    page = await look(workspace, "listing shares", shares.list_page, caller, workspace, page_size, after)
    items = [ShareSummary(**_summarise(owned)) for owned in page.items]
    return SharePage(
        items=items, next_page_token=pages.encode(page.next_page_token, "shares", {"workspace": workspace})
    )


@router.get("/{share:id}", responses=problems(ShareNotFound, WorkspaceNotFound))
async def get_share(workspace: str, share: str, caller: CurrentCaller) -> ShareBody:
    """The live share: what is in it, and who reads it."""
    owned = await look(workspace, "reading the share", shares.get, caller, workspace, share)
    objects = [SharedObject.model_validate(item) for item in owned.share.objects or []]
    return ShareBody(**_summarise(owned), objects=objects, readers=owned.readers or [])


def _summarise(owned: Owned) -> dict[str, object]:
    names = ("name", "owner", "comment", "created_at", "updated_at")
    shown = {name: getattr(owned.share, name) for name in names}
    return {**shown, "project": owned.project, "audience": owned.audience}
