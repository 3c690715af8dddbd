"""Adoptions: an admin takes over a share or a recipient that somebody else made under a name of Causeway's."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.domain import adoptions
from app.domain.adoptions import Adopting, Adoption
from app.errors import (
    NotInProject,
    PageTokenInvalid,
    PermissionDenied,
    ProjectNotFound,
    RecordNotFound,
    ShareNotFound,
    UpstreamNotFound,
    WorkspaceNotFound,
)
from app.http.conventions import pages
from app.http.conventions.bodies import Request as Body
from app.http.conventions.bodies import Response as Answer
from app.http.conventions.bodies import Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.live import look
from app.http.conventions.names import Word
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1/adoptions", tags=["adoptions"])


class AdoptedKind(StrEnum):
    """What can be adopted."""

    SHARE = adoptions.SHARE
    RECIPIENT = adoptions.RECIPIENT


class AdoptionRequest(Body):
    """What to adopt, and why."""

    project: Word
    """Of one of its audiences the share or recipient has to be."""
    workspace: Word
    kind: AdoptedKind
    name: Annotated[str, Field(min_length=1, max_length=255)]
    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    """For whoever reads the audit trail."""


class AdoptionBody(Answer):
    """A share or recipient that counts as Causeway's own, though somebody else made it."""

    id: str
    project: str
    workspace: str
    kind: str
    """`share` or `recipient`."""
    name: str
    reason: str
    created_by: str
    created_at: Time


class AdoptionPage(PageBody):
    """Adoptions, newest first."""

    items: list[AdoptionBody]


@router.post(
    "",
    status_code=201,
    responses=problems(
        NotInProject,
        PermissionDenied,
        ProjectNotFound,
        ShareNotFound,
        UpstreamNotFound,
        WorkspaceNotFound,
    ),
)
async def create_adoption(body: AdoptionRequest, caller: CurrentCaller) -> AdoptionBody:
    """Have Causeway use and change it as if it had made it; admins only. The same object again is the same adoption."""
    adopting = Adopting(**body.model_dump())
    return _render(await look(body.workspace, "looking at what to adopt", adoptions.adopt, caller, adopting))


@router.get("", responses=problems(PageTokenInvalid))
def list_adoptions(
    caller: CurrentCaller,
    project: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of this project.")] = None,
    workspace: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only there.")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> AdoptionPage:
    """The adoptions of the caller's projects, newest first."""
    asked = pages.read("adoptions", page_token, project=project, workspace=workspace)
    page = adoptions.list_page(caller, asked.equal, asked.after, page_size)
    return AdoptionPage(items=[_render(one) for one in page.items], next_page_token=asked.encode(page.after))


@router.get("/{adoption_id:id}", responses=problems(RecordNotFound))
def get_adoption(adoption_id: str, caller: CurrentCaller) -> AdoptionBody:
    """What was adopted, by whom and why."""
    return _render(adoptions.get(caller, adoption_id))


def _render(adoption: Adoption) -> AdoptionBody:
    return AdoptionBody.model_validate({**adoption.model_dump(), "kind": adoption.object_kind})
