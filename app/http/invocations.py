"""Predictions through an endpoint: the platform's own path under a workspace's base address, bytes through both ways.

These routes leave the framework's way of handling a request for speed, and with it its dependencies: each asks for the
caller itself, before anything else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from app.domain import invocations
from app.domain.serving_endpoints import NAME
from app.errors import (
    BodyTooLarge,
    BodyUnreadable,
    EndpointNotFound,
    EndpointNotServing,
    ModelVersionNotFound,
    PredictionRejected,
    Problem,
    WorkspaceFault,
    WorkspaceNotFound,
    WorkspaceRefused,
    WorkspaceTimeout,
)
from app.http.conventions.caller import current_caller
from app.http.conventions.problems import problems
from app.http.conventions.requests import LARGE_BODY_LIMIT

log = structlog.get_logger("causeway.invocations")


class RawRoute(APIRoute):
    """A route whose function gets the request as it came and answers as it sees fit."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the function with the names of the path, and nothing that the framework makes of a request."""
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)  # 405
            return
        answer = await self.endpoint(Request(scope, receive), **scope["path_params"])
        await answer(scope, receive, send)


class Forwarded(Response):
    """The endpoint's answer, passed on as it comes; only what `invocations.check` let pass may get here."""

    def __init__(self, workspace: str, endpoint: str, served_model: str | None) -> None:
        self.target = (workspace, endpoint, served_model)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the request on and the answer back, in bounded memory."""
        has_begun = False
        try:
            async with invocations.invoking(*self.target, Request(scope).headers, _read(receive)) as answer:
                given = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
                has_begun = True
                await send({"type": "http.response.start", "status": answer.status, "headers": given})
                async for part in answer.body:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except Problem as problem:
            if not has_begun:
                raise
            # Left unfinished, the server closes the connection: what came is not taken for the whole.
            log.warning("an endpoint's answer broke off", endpoint=self.target[1], code=problem.code)


router = APIRouter(prefix="/v1", tags=["invocations"], route_class=RawRoute)
BASE = "/workspaces/{workspace:id}"
# For the document alone: nothing of a raw route's signature is enforced by the framework.
Segment = Annotated[str, Path(pattern=f"^{NAME.pattern}$")]
DOCUMENTED: dict[str, Any] = {
    "openapi_extra": {"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}},
    "responses": {
        200: {
            "description": "The endpoint's own answer.",
            "headers": {
                "served-model-name": {"description": "Which served entity answered.", "schema": {"type": "string"}}
            },
        },
        **problems(
            BodyTooLarge,
            EndpointNotFound,
            EndpointNotServing,
            ModelVersionNotFound,
            PredictionRejected,
            WorkspaceFault,
            WorkspaceNotFound,
            WorkspaceRefused,
            WorkspaceTimeout,
        ),
    },
}


@router.post(BASE + "/serving-endpoints/{endpoint:id}/invocations", **DOCUMENTED)
async def invoke_endpoint(request: Request, workspace: str, endpoint: Segment) -> Response:
    """Predict: the body goes to the endpoint as it is, and its answer comes back as it is; at most 16 MB.

    Any form that the platform takes, such as `dataframe_split`; the unmodified databricks-sdk may be the caller.
    """
    return await _forward(request, workspace, endpoint)


@router.post(BASE + "/serving-endpoints/{endpoint:id}/served-models/{served_model:id}/invocations", **DOCUMENTED)
async def invoke_served_model(request: Request, workspace: str, endpoint: Segment, served_model: Segment) -> Response:
    """Predict with one served entity of the endpoint, past its traffic split; otherwise as `invoke_endpoint`."""
    return await _forward(request, workspace, endpoint, served_model)


@router.get(BASE + "/.well-known/databricks-config", include_in_schema=False)
async def show_discovery(request: Request, workspace: str) -> Response:
    """What the databricks-sdk asks of a host when it is constructed, without a key; every name gets the same answer."""
    return JSONResponse({})


async def _forward(request: Request, workspace: str, endpoint: str, served_model: str | None = None) -> Response:
    caller = await run_in_threadpool(current_caller, request)
    invocations.check(caller, workspace, endpoint, served_model)
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > LARGE_BODY_LIMIT:
        raise BodyTooLarge(limit_bytes=LARGE_BODY_LIMIT)
    return Forwarded(workspace, endpoint, served_model)


async def _read(receive: Receive) -> AsyncIterator[bytes]:
    """The request's body as it comes; the frame around every request ends it at the limit."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyUnreadable(reason="the connection ended before the body did")
        if part := message.get("body"):
            yield part
        if not message.get("more_body"):
            return
