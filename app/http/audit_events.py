"""The audit trail: who did what to which thing, and when; refusals too."""

from __future__ import annotations

from enum import StrEnum
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BeforeValidator, Field, JsonValue
from pydantic.json_schema import SkipJsonSchema

from app.domain import audit
from app.errors import AdminRequired, PageTokenInvalid
from app.http.conventions import pages
from app.http.conventions.bodies import Request, Response, Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems

EXPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The events, oldest first; an answer that breaks off is not complete.",
        "content": {
            "application/x-ndjson": {"schema": {"type": "string", "description": "One JSON object a line."}},
            "text/csv": {"schema": {"type": "string", "description": "A table with a head."}},
        },
    }
}
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
    number: int | None
    """Its place in the sealed trail; null until it is sealed, seconds later."""


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
    """The events of the caller's projects and its own, newest first; an admin sees all.

    A key that is limited to projects sees theirs alone.
    """
    asked = pages.read("audit-events", page_token, project=project, operation_id=operation_id, principal=principal)
    page = audit.list_page(caller, asked.equal, asked.after, page_size)
    items = [AuditEventBody.model_validate(event) for event in page.items]
    return AuditEventPage(items=items, next_page_token=asked.encode(page.after))


class ExportFormat(StrEnum):
    """How a file is written: a JSON object a line, or a table for spreadsheets."""

    NDJSON = "ndjson"
    CSV = "csv"


def _refuse_null(value: Any) -> Any:
    # What is left out is not looked at here; null is not one of a caller's choices.
    if value is None:
        raise ValueError("leave it out instead")
    return value


def _refuse_counts(value: Any) -> Any:
    # Pydantic takes a number of seconds for a time, also in a text.
    if not isinstance(value, str) or "T" not in value.upper():
        raise ValueError("a time as RFC 3339 writes it is needed")
    return value


class AuditExportRequest(Request):
    """What to export, and how."""

    format: ExportFormat = ExportFormat.NDJSON
    project: Annotated[str | SkipJsonSchema[None], Field(max_length=60), BeforeValidator(_refuse_null)] = None
    """Only events of this project."""
    since: Annotated[AwareDatetime | SkipJsonSchema[None], BeforeValidator(_refuse_counts)] = None
    """Only events from this time on."""


class AuditFindingBody(Response):
    """One place where the trail is not what was sealed."""

    kind: str = Field(examples=["event-changed"])
    """`event-changed`, `event-removed`, `event-reordered`, `event-added`, `batch-changed`, `batch-removed`,
    `chain-recomputed`, `tail-cut`, `head-edited`, `head-removed` or `head-unreadable`; further kinds may come."""
    text: str
    """What is the case, for people."""
    batch: int | None
    first_event: int | None
    last_event: int | None
    """The numbers of the events concerned."""
    event_id: str | None


class AuditVerificationBody(Response):
    """What was looked at, and every place where the trail is not what was sealed."""

    sound: bool
    """Whether all of it was looked at, and is what was sealed."""
    complete: bool
    """False when it gave up, having found very much."""
    findings: list[AuditFindingBody]
    limits: list[str]
    """What could not have been found, and why: a sentence each."""
    events: int
    """How many sealed events were looked at."""
    unsealed_events: int
    """How many are so new that they are not sealed yet."""
    batches: int
    signed_batches: int
    """How many bear a signature that is believed."""
    keys: list[str]
    """The ids of the keys that are believed."""
    heads_compared: int
    """How many heads outside the database were compared with it."""
    last_batch: int | None
    last_event: int | None
    digest: str | None
    """The digest of the newest batch: who notes it down can hold any later trail against it."""


@router.post("/audit-events:verify", responses=problems(AdminRequired))
def verify_audit_events(caller: CurrentCaller) -> AuditVerificationBody:
    """Look at the whole sealed trail, for admins: what was changed, removed, reordered, computed anew or cut off.

    A million events take about half a minute. `causeway audit verify` does the same without a connection to hold open,
    and against heads that were kept elsewhere. That it was verified, and what came of it, is an event itself.
    """
    seen = audit.verify(caller)
    last = seen.last
    return AuditVerificationBody(
        sound=seen.is_sound,
        complete=seen.complete,
        findings=[AuditFindingBody.model_validate(finding) for finding in seen.findings],
        limits=seen.list_limits(),
        events=seen.events,
        unsealed_events=seen.unsealed_events,
        batches=seen.batches,
        signed_batches=seen.signed_batches,
        keys=sorted(seen.trusted),
        heads_compared=seen.heads_compared,
        last_batch=last.number if last is not None else None,
        last_event=last.last_event if last is not None else None,
        digest=last.digest if last is not None else None,
    )


@router.post("/audit-events:export", response_class=StreamingResponse, responses={**EXPORT, **problems()})
def export_audit_events(body: AuditExportRequest, caller: CurrentCaller) -> StreamingResponse:
    """The events of the caller's projects and its own, oldest first, as a file; an admin gets all.

    In NDJSON each event is as its seal covers it, with its `number`. In CSV, a text that a spreadsheet would take for a
    formula has an apostrophe before it. Who took which part is an event itself, the first behind those of the file.
    """
    pieces = audit.export(caller, body.format, body.project, body.since)
    # A database that is away is told with a status, and not in the middle of the file.
    first = next(pieces, "")
    media_type = "text/csv" if body.format is ExportFormat.CSV else "application/x-ndjson"
    headers = {"Content-Disposition": f'attachment; filename="audit-events.{body.format}"'}
    return StreamingResponse(chain([first], pieces), media_type=media_type, headers=headers)
