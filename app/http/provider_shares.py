"""Shares that a workspace receives as they are now: what may be accepted, and what is in it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from app.domain import provider_shares
from app.domain.provider_shares import Offered
from app.errors import NotInProject, PageTokenInvalid, ProviderNotFound, ShareNotFound, WorkspaceNotFound
from app.http.conventions import pages
from app.http.conventions.bodies import Response
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.live import look
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1/workspaces/{workspace:id}/providers/{provider:id}/shares", tags=["provider_shares"])


class ProviderShareSummary(Response):
    """A share that the workspace's metastore receives."""

    name: str
    provider: str
    """The name that the platform gave the provider; `/providers` lists it with its sharing identifier."""
    sharing_identifier: str | None
    provider_workspace: str | None
    """The linked workspace that stands on the provider; null for a partner."""
    projects: list[str]
    """The caller's projects that may accept it."""


class SharedAsset(Response):
    """One thing in a received share."""

    kind: str = Field(examples=["model"])
    """`model`, `table`, `volume`, `function`, `feature-spec` or `notebook`; others may come."""
    name: str = Field(examples=["bikes.demand"])
    """`schema.name`, as it is in the catalog that the share becomes; a notebook has no schema."""
    comment: str | None
    aliases: dict[str, int] | None
    """A model's aliases as its provider set them: alias to version. Null for everything else, which has none."""
    tags: dict[str, str]
    """The tags that travelled."""


class ProviderShareBody(ProviderShareSummary):
    """A share that the workspace's metastore receives, and all that is in it."""

    assets: list[SharedAsset]
    """By kind and name."""


class ProviderSharePage(PageBody):
    """Received shares, in the platform's order."""

    items: list[ProviderShareSummary]


@router.get("", responses=problems(PageTokenInvalid, ProviderNotFound, WorkspaceNotFound))
async def list_provider_shares(
    workspace: str, provider: str, caller: CurrentCaller, page_size: PageSize = 50, page_token: PageToken = None
) -> ProviderSharePage:
    """The live shares of the provider that the caller's projects may accept; a page may be empty and not the last."""
    collection, filters = "provider-shares", {"workspace": workspace, "provider": provider}
    after = pages.decode(page_token, collection, filters)
    asked = (caller, workspace, provider, page_size, after)
    page = await look(workspace, "listing received shares", provider_shares.list_page, *asked)
    items = [ProviderShareSummary.model_validate(_summarise(offered)) for offered in page.items]
    return ProviderSharePage(items=items, next_page_token=pages.encode(page.next_page_token, collection, filters))


@router.get("/{share:id}", responses=problems(NotInProject, ProviderNotFound, ShareNotFound, WorkspaceNotFound))
async def get_provider_share(workspace: str, provider: str, share: str, caller: CurrentCaller) -> ProviderShareBody:
    """The live share with its models, tables, volumes and functions, and the aliases and tags that travelled."""
    asked = (caller, workspace, provider, share)
    offered = await look(workspace, "reading the received share", provider_shares.get, *asked)
    return ProviderShareBody.model_validate({**_summarise(offered), "assets": offered.assets})


def _summarise(offered: Offered) -> dict[str, Any]:
    provider = {"provider": offered.provider.name, "sharing_identifier": offered.provider.sharing_identifier}
    place = {"provider_workspace": offered.provider_workspace, "projects": offered.projects}
    return {"name": offered.name, **provider, **place}
