"""Operations: following slow work, and stopping it."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic.json_schema import SkipJsonSchema
from starlette.concurrency import run_in_threadpool

from app.domain import operations
from app.domain.access import Caller
from app.errors import (
    OperationAlreadyDone,
    OperationInProgress,
    OperationNotRetryable,
    PageTokenInvalid,
    RecordNotFound,
)
from app.http.conventions import etags, pages
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.etags import UNCHANGED, IfNoneMatch
from app.http.conventions.operation import OperationBody, OperationState, render, render_all
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["operations"])
LOOK_EVERY_SECONDS = 0.25


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
    wait_seconds: Annotated[int, Query(ge=0, le=60, description="Answer when it has ended, or after this time.")] = 0,
    if_none_match: IfNoneMatch = None,
) -> OperationBody:
    """How the work stands. With `wait_seconds` the answer comes as soon as it has ended; no thread waits with it."""
    deadline = time.monotonic() + wait_seconds
    body = await run_in_threadpool(_read, caller, operation_id)
    while not body.done and time.monotonic() < deadline and not await request.is_disconnected():
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        body = await run_in_threadpool(_read, caller, operation_id)
    if not body.done:
        response.headers["Retry-After"] = "1"
    return etags.answer(body, response, if_none_match)


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


def _read(caller: Caller, operation_id: str) -> OperationBody:
    return render(operations.get(caller, operation_id))
