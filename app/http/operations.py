"""Operations: following slow work, and stopping it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from starlette.concurrency import run_in_threadpool

from app.domain import changes, operations
from app.domain.access import Caller
from app.errors import (
    OperationAlreadyDone,
    OperationInProgress,
    OperationNotRetryable,
    PageTokenInvalid,
    Problem,
    RecordNotFound,
)
from app.http.conventions import etags, pages
from app.http.conventions.caller import CurrentCaller, current_caller
from app.http.conventions.etags import UNCHANGED, IfNoneMatch
from app.http.conventions.operation import DONE, OperationBody, OperationState, render, render_all
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems
from app.http.conventions.requests import waiting

router = APIRouter(prefix="/v1", tags=["operations"])
BEAT_SECONDS = 10
STREAM_SECONDS = 300
RECONNECT_MILLISECONDS = 1000
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events, each with an `Operation` as its data.",
        "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/Operation"}}},
    },
    204: {"description": "The operation has ended, and the caller knows: there is nothing to connect for."},
}
WaitSeconds = Annotated[int, Query(ge=0, le=60, description="Answer when it has ended, or after this time.")]
LastEventId = Annotated[
    Annotated[int, Field(ge=0)] | SkipJsonSchema[None],
    Header(alias="Last-Event-ID", description="The id of the last event that came: go on after it."),
]


class OperationPage(PageBody):
    """Operations, newest first."""

    items: list[OperationBody]


@router.get("/operations", responses=problems(PageTokenInvalid))
def list_operations(
    caller: CurrentCaller,
    kind: Annotated[str | SkipJsonSchema[None], Query(max_length=40, description="Only this kind.")] = None,
    state: Annotated[OperationState | SkipJsonSchema[None], Query(description="Only in this state.")] = None,
    project: Annotated[str | SkipJsonSchema[None], Query(max_length=60, description="Only of this project.")] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> OperationPage:
    """The operations of the caller's projects, newest first."""
    asked = pages.read("operations", page_token, kind=kind, state=state, project=project)
    page = operations.list_page(caller, asked.equal, asked.after, page_size)
    return OperationPage(items=render_all(page.items), next_page_token=asked.encode(page.after))


@router.get("/operations/{operation_id:id}", responses={**UNCHANGED, **problems(RecordNotFound)})
async def get_operation(
    operation_id: str,
    request: Request,
    response: Response,
    caller: CurrentCaller,
    wait_seconds: WaitSeconds = 0,
    if_none_match: IfNoneMatch = None,
) -> OperationBody:
    """How the work stands; with `wait_seconds`, as soon as it has ended.

    With `If-None-Match` as well, the answer comes as soon as anything has changed, or as a 304 when nothing has in that
    time. Either way, polling in a loop is prompt and cheap: no thread of the service waits.
    """
    if wait_seconds:
        body = await _wait(request, caller, operation_id, wait_seconds, if_none_match)
    else:
        body, _ = await run_in_threadpool(_read, caller, operation_id)
    if not body.done:
        response.headers["Retry-After"] = "1"
    return etags.answer(body, response, if_none_match)


@router.get(
    "/operations/{operation_id:id}/events",
    response_class=StreamingResponse,
    responses={**STREAM, **problems(RecordNotFound)},
)
async def watch_operation(
    operation_id: str, request: Request, caller: CurrentCaller, last_event_id: LastEventId = None
) -> Response:
    """Follow the work as server-sent events: what polling would tell, told at once.

    The data of each event is the whole operation as JSON, its id counts the changes, and comments between them keep the
    connection alive. The stream ends after the operation has. Until then it may end at any time, after five minutes for
    one: connect again with the `Last-Event-ID`, as every `EventSource` does by itself, and nothing comes twice.
    """
    body, revision = await run_in_threadpool(_read, caller, operation_id)
    if body.done and revision == last_event_id:
        return Response(status_code=204)
    # Between us and the caller nothing may keep events back until there are enough of them.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    events = _events(request, operation_id, last_event_id)
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


@router.post("/operations/{operation_id:id}:cancel", responses=problems(RecordNotFound, OperationAlreadyDone))
def cancel_operation(operation_id: str, caller: CurrentCaller) -> OperationBody:
    """Stop the work between two steps, and the job run it waits for. It ends as CANCELLED soon after; poll it."""
    return render(operations.cancel(caller, operation_id))


@router.post(
    "/operations/{operation_id:id}:retry",
    responses=problems(RecordNotFound, OperationNotRetryable, OperationInProgress),
)
def retry_operation(operation_id: str, caller: CurrentCaller) -> OperationBody:
    """Run a failed operation again, as itself, from the step that failed. Asking twice is the same as once."""
    return render(operations.retry(caller, operation_id))


async def _wait(
    request: Request, caller: Caller, operation_id: str, seconds: float, if_none_match: str | None
) -> OperationBody:
    """The operation, once it has ended or differs from what the caller has, or else after the time."""
    ends_at = time.monotonic() + seconds
    with changes.watching(operation_id) as watch:
        gone = asyncio.create_task(_disconnect(request))
        gone.add_done_callback(lambda _: watch.end())
        try:
            while True:
                operation = await run_in_threadpool(operations.get, caller, operation_id)
                left = ends_at - time.monotonic()
                is_over = operation.state in DONE or left <= 0 or watch.is_over
                # Who waits for the end alone is not told the steps on the way: nobody reads them.
                if is_over or if_none_match is not None:
                    body = await run_in_threadpool(render, operation)
                    if is_over or etags.tag(body) != if_none_match:
                        return body
                with waiting(request):
                    await watch.past(operation.revision, left)
        finally:
            gone.cancel()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _events(request: Request, operation_id: str, seen: int | None) -> AsyncIterator[bytes]:
    """Snapshots of the operation, whenever it is not as `seen`, until it has ended or the stream is old."""
    ends_at = time.monotonic() + STREAM_SECONDS
    sent = None
    yield format_sse_event(retry=RECONNECT_MILLISECONDS)
    with changes.watching(operation_id) as watch:
        while True:
            try:
                # Asked anew each time: a key that was revoked, or lost its project, follows nothing.
                caller = await run_in_threadpool(current_caller, request)
                body, revision = await run_in_threadpool(_read, caller, operation_id)
            except Problem:
                # Too late for a status; whoever connects again gets it.
                return
            text = body.model_dump_json()
            if revision != seen or text != (sent or text):
                yield format_sse_event(data_str=text, id=str(revision))
            else:
                yield KEEPALIVE_COMMENT
            if body.done or watch.is_over or time.monotonic() > ends_at:
                return
            seen, sent = revision, text
            with waiting(request):
                # Streams that began together, as after a restart, do not all ask at once.
                await watch.past(revision, BEAT_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - jitter


def _read(caller: Caller, operation_id: str) -> tuple[OperationBody, int]:
    operation = operations.get(caller, operation_id)
    return render(operation), operation.revision
