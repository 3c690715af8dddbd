"""Recipients of a workspace as they are now: the metastores of the caller's audiences."""

from __future__ import annotations

from fastapi import APIRouter

from app.domain import recipients
from app.domain.recipients import Known
from app.errors import PageTokenInvalid, WorkspaceNotFound
from app.http.conventions import pages
from app.http.conventions.bodies import Response, Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.live import look
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1/workspaces/{workspace:id}/recipients", tags=["recipients"])


class AudienceReference(Response):
    """An audience of a project."""

    project: str
    audience: str


class RecipientBody(Response):
    """A metastore that can be shared with."""

    name: str
    sharing_identifier: str | None
    workspace: str | None
    """The configured workspace that it stands for; null for a partner's."""
    audiences: list[AudienceReference]
    """The caller's audiences that it belongs to."""
    is_ours: bool
    """Whether Causeway made it, or an admin adopted it; others' are used, and never deleted."""
    authentication: str | None
    owner: str | None
    comment: str | None
    created_at: Time | None


class RecipientPage(PageBody):
    """Recipients, in the platform's order."""

    items: list[RecipientBody]


@router.get("", responses=problems(PageTokenInvalid, WorkspaceNotFound))
async def list_recipients(
    workspace: str, caller: CurrentCaller, page_size: PageSize = 50, page_token: PageToken = None
) -> RecipientPage:
    """The live recipients of the caller's audiences; a page may be empty and not the last.

    One whose workspace cannot be asked for its sharing identifier just now is left out.
    """
    filters = {"workspace": workspace}
    after = pages.decode(page_token, "recipients", filters)
    page = await look(workspace, "listing recipients", recipients.list_page, caller, workspace, page_size, after)
    items = [_render(known) for known in page.items]
    return RecipientPage(items=items, next_page_token=pages.encode(page.next_page_token, "recipients", filters))


def _render(known: Known) -> RecipientBody:
    audiences = [AudienceReference(project=project, audience=audience) for project, audience in known.audiences]
    return RecipientBody.model_validate({**vars(known.recipient), **vars(known), "audiences": audiences})
