"""The inventory: which model version is where, with digest, aliases and endpoints, as of the last look there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.domain import inventory
from app.domain.inventory import Filters, Seen
from app.errors import PageTokenInvalid
from app.http.conventions import pages
from app.http.conventions.bodies import Response, Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["inventory"])


class InventoryEndpoint(Response):
    """An endpoint that serves the version."""

    name: str
    served_entity: str
    """The version's name within the endpoint."""


class InventoryCompanion(Response):
    """A table or function in the same share, by its name in that workspace."""

    kind: str = Field(examples=["table"])
    name: str


class InventoryItem(Response):
    """A model version in a workspace."""

    project: str
    """The project that declares the model, or the endpoint that serves it."""
    workspace: str
    model: str
    version: int
    came_by: str | None = Field(examples=["share"])
    """How it came there: `vetted-copy`, `share` (it is a provider's), `owned-copy` (the consumer made it of what was
    shared, and keeps it), more may come; null: it was made there, as far as the records know.
    """
    state: str | None
    """The platform's word, such as `READY`; null where only an endpoint tells of it: the model is not the project's."""
    digest: str | None
    """Of its bytes, where a publication vouches for them, or the proof of an owned copy: the same in every workspace.
    """
    publication_id: str | None
    """That publication, or one that shares the whole model."""
    acceptance_id: str | None
    """The acceptance by which it came."""
    provider_identifier: str | None
    """Whose it was: the sharing identifier of a linked workspace's metastore, or of a partner's."""
    aliases: list[str] | None
    """The aliases that pointed to it; null where `state` is."""
    endpoints: list[InventoryEndpoint]
    travels_with: list[InventoryCompanion]
    """What it needs beside its files, and the tables of its audience, as far as they are shared."""
    external_lineage: str | None
    """`WRITTEN` when the workspace's own lineage was told where an accepted version came from; else the code of the
    problem that stood in the way, or null where nobody wants it told.
    """
    created_at: Time | None
    as_of: Time
    """When its workspace was looked at; one that does not answer keeps what was seen before."""


class InventoryPage(PageBody):
    """Model versions, by project, workspace, model and number."""

    items: list[InventoryItem]


@router.get("/inventory", responses=problems(PageTokenInvalid))
def list_inventory(
    caller: CurrentCaller,
    project: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of this project.")] = None,
    workspace: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only there.")] = None,
    model: Annotated[str | SkipJsonSchema[None], Query(max_length=255, description="Only of this model.")] = None,
    alias: Annotated[str | SkipJsonSchema[None], Query(max_length=255, description="Only with this alias.")] = None,
    endpoint: Annotated[str | SkipJsonSchema[None], Query(max_length=63, description="Only served by it.")] = None,
    table: Annotated[
        str | SkipJsonSchema[None], Query(max_length=255, description="Only with this table or function beside it.")
    ] = None,
    digest: Annotated[str | SkipJsonSchema[None], Query(max_length=100, description="Only of these bytes.")] = None,
    state: Annotated[str | SkipJsonSchema[None], Query(max_length=40, description="Only in this state.")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> InventoryPage:
    """The model versions of the caller's projects in all workspaces. Nobody is asked: it is as of the last look."""
    asked = pages.read(
        "inventory",
        page_token,
        project=project,
        workspace=workspace,
        model=model,
        alias=alias,
        endpoint=endpoint,
        table=table,
        digest=digest,
        state=state,
    )
    page = inventory.list_page(caller, Filters(**asked.equal), asked.after, page_size)
    return InventoryPage(items=[_render(one) for one in page.items], next_page_token=asked.encode(page.after))


def _render(seen: Seen) -> InventoryItem:
    return InventoryItem.model_validate({**seen.version.model_dump(), "as_of": seen.as_of})
