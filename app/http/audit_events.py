"""The audit trail: who did what to which thing, and when; refusals too."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field, JsonValue
from pydantic.json_schema import SkipJsonSchema

from app.domain import audit
from app.errors import PageTokenInvalid
from app.http.conventions import pages
from app.http.conventions.bodies import Response, Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["audit_events"])


class AuditEventBody(Response):
    """One thing that was done or refused; written in the same transaction as the change."""

    id: str
    created_at: Time
    principal: str
    action: str = Field(examples=["publish succeeded"])
    """What was done; for a refusal, the call that was refused."""
    project: str | None
    resource: str | None
    """The id of the record concerned."""
    operation_id: str | None
    request_id: str | None
    refused_code: str | None
    """The problem that a refused caller got; null for what was done."""
    count: int
    """How often the same was refused in that minute; otherwise 1."""
    details: dict[str, JsonValue]


class AuditEventPage(PageBody):
    """Events, newest first."""

    items: list[AuditEventBody]


@router.get("/audit-events", responses=problems(PageTokenInvalid))
def list_audit_events(
    caller: CurrentCaller,
    project: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of this project.")] = None,
    operation_id: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of this one.")] = None,
    principal: Annotated[str | SkipJsonSchema[None], Query(max_length=200, description="Only by this one.")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> AuditEventPage:
    """The events of the caller's projects and its own, newest first; an admin sees all."""
    asked = pages.read("audit-events", page_token, project=project, operation_id=operation_id, principal=principal)
    page = audit.list_page(caller, asked.equal, asked.after, page_size)
    items = [AuditEventBody.model_validate(event) for event in page.items]
    return AuditEventPage(items=items, next_page_token=asked.encode(page.after))
