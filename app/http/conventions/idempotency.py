"""Starting slow work: the `Idempotency-Key` a caller sends, and the 202 it gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Header, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from app.domain import operations
from app.domain.access import Caller
from app.domain.operations import Key, Operation
from app.errors import IdempotencyKeyExpired, IdempotencyKeyReused, OperationInProgress, Problem
from app.http.conventions.bodies import OnConflict
from app.http.conventions.bodies import Request as Body
from app.http.conventions.operation import OperationBody, render
from app.http.conventions.problems import problems

RETRY_AFTER_SECONDS = 1
ALWAYS = (IdempotencyKeyReused, IdempotencyKeyExpired, OperationInProgress)
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Chosen by the caller, one for each intent. The same key and body answer with the same operation.",
    ),
]
ConflictQuery = Annotated[
    OnConflict, Query(alias="on_conflict", description="What to do while another operation is changing the same thing.")
]


def accepts(*kinds: type[Problem], **extra: Any) -> dict[str, Any]:
    """The decorator arguments of every route that answers 202 with an operation."""
    links = {
        "get": {"operationId": "get_operation", "parameters": {"operation_id": "$response.body#/id"}},
        "cancel": {"operationId": "cancel_operation", "parameters": {"operation_id": "$response.body#/id"}},
        "retry": {"operationId": "retry_operation", "parameters": {"operation_id": "$response.body#/id"}},
    }
    headers = {
        "Location": {"description": "The operation.", "schema": {"type": "string"}},
        "Retry-After": {"description": "Seconds to wait before asking again.", "schema": {"type": "integer"}},
        "Idempotent-Replayed": {"description": "`true` when the key was known.", "schema": {"type": "string"}},
    }
    described = {202: {"description": "Accepted: the operation to follow.", "headers": headers, "links": links}}
    return {
        "status_code": 202,
        "response_model": OperationBody,
        "responses": {
            **described,
            **problems(IdempotencyKeyReused, IdempotencyKeyExpired, OperationInProgress, *kinds),
        },
        **extra,
    }


async def accept(
    request: Request,
    response: Response,
    caller: Caller,
    idempotency_key: str,
    body: Body | None,
    begin: Callable[[Key], Any],
) -> OperationBody:
    """Answer 202: with the operation that this key started before, or with the one that `await begin(key)` starts.

    The replay is looked for first, so that a repeated request is not checked against a world that has moved on.
    """
    asked = {"query": sorted(request.query_params.multi_items())}
    sent = body.model_dump(mode="json") if body is not None else asked
    key = operations.make_key(caller, request.method, request.url.path, idempotency_key, sent)
    operation: Operation | None = await run_in_threadpool(operations.find_replay, key)
    if operation is not None:
        response.headers["Idempotent-Replayed"] = "true"
    else:
        operation = await begin(key)
    response.headers["Location"] = f"/v1/operations/{operation.id}"
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return await run_in_threadpool(render, operation)
