"""Problems on the wire: RFC 9457, one schema, for everything that goes wrong on any path."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.domain import audit
from app.errors import (
    BodyUnreadable,
    Internal,
    LinkNotDeclared,
    MethodNotAllowed,
    NotInProject,
    PermissionDenied,
    Problem,
    RequestInvalid,
    RouteNotFound,
    Unauthenticated,
)
from app.http.conventions.bodies import Response

MEDIA_TYPE = "application/problem+json"
ALWAYS = (400, 401, 403, 422, 429, 500, 503)
REFUSALS = (LinkNotDeclared, NotInProject, PermissionDenied, Unauthenticated)
log = structlog.get_logger("causeway.problems")


class ProblemError(Response):
    """One place of a request that does not fit."""

    pointer: str = Field(examples=["/version"])
    """A JSON Pointer into the body, or the name of a parameter or header."""
    detail: str
    """What does not fit."""


class ProblemBody(Response):
    """An error that a caller can act on (RFC 9457); every value in `detail` is also a member of its own."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["/problems/model-version-not-ready"])
    """Where the problem is explained to people."""
    code: str = Field(examples=["model-version-not-ready"])
    """The stable name of the problem; it never changes, the texts may."""
    title: str
    """What kind of problem this is."""
    status: int
    """The HTTP status that it has, or would have."""
    detail: str
    """What is the case, and what to do about it."""
    retryable: bool
    """Whether the same request may succeed later, unchanged."""
    instance: str | None = None
    """The path of the request."""
    request_id: str | None = None
    """Finds the request in the service's logs."""
    errors: list[ProblemError] = []
    """The places that do not fit, for an invalid request."""


def problems(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: those that every call may give, and its own."""
    described: dict[int, list[str]] = {status: [] for status in ALWAYS}
    for kind in kinds:
        described.setdefault(kind.status, []).append(f"`{kind.code}`")
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": ", ".join(codes) or DESCRIPTIONS[status],
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status, codes in sorted(described.items())
    }


DESCRIPTIONS = {
    400: "The request cannot be read",
    401: "`unauthenticated`",
    403: "`permission-denied` or `not-in-project`",
    422: "`request-invalid`",
    429: "`rate-limited`",
    500: "`internal`",
    503: "`workspace-unavailable` or the service itself is not ready",
}


def install(app: FastAPI) -> None:
    """Answer every error of the application with a problem."""
    app.add_exception_handler(Problem, _answer_problem)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _answer_invalid)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _answer_http)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _answer_unexpected)


def answer(request: Request, problem: Problem, extra: dict[str, Any] | None = None) -> JSONResponse:
    """The response for a problem of this request."""
    request_id = getattr(request.state, "request_id", None)
    body = {"errors": [], **problem.as_dict(), **(extra or {}), "instance": request.url.path, "request_id": request_id}
    headers = {}
    if problem.retry_after_seconds is not None:
        headers["Retry-After"] = str(problem.retry_after_seconds)
    if isinstance(problem, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(problem, MethodNotAllowed):
        headers["Allow"] = problem.fields["allowed"]
    return JSONResponse(body, status_code=problem.status, headers=headers, media_type=MEDIA_TYPE)


async def _answer_problem(request: Request, problem: Problem) -> JSONResponse:
    if isinstance(problem, REFUSALS):
        action = f"{request.method} {getattr(request.scope.get('route'), 'path', request.url.path)}"
        projects = _list_projects(problem)
        await run_in_threadpool(
            audit.record_refusal, request.state.principal, action, problem.code, projects, request.state.request_id
        )
    return answer(request, problem)


def _list_projects(refusal: Problem) -> list[str]:
    """The projects in which something was refused."""
    named = [refusal.fields["project"]] if "project" in refusal.fields else []
    return list(refusal.fields.get("projects", named))


async def _answer_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        reason = str(found[0].get("ctx", {}).get("error", "it does not parse"))
        return answer(request, BodyUnreadable(reason=reason))
    details: dict[str, str] = {}
    for item in found:
        # An optional field's other choice, null, is not one that callers have.
        if item["type"] != "none_required":
            details.setdefault(_pointer(item, error.body), item["msg"].removeprefix("Value error, "))
    errors = [{"pointer": pointer, "detail": detail} for pointer, detail in details.items()]
    return answer(request, RequestInvalid(count=len(errors)), {"errors": errors})


async def _answer_http(request: Request, error: HTTPException) -> JSONResponse:
    if isinstance(error.__cause__, Problem):
        # Raised while the body was being read: the framework calls every such failure a 400.
        return answer(request, error.__cause__)
    if error.status_code == 405:
        allowed = ", ".join(_allowed(request)) or "GET"
        return answer(request, MethodNotAllowed(path=request.url.path, method=request.method, allowed=allowed))
    if error.status_code == 400:
        return answer(request, BodyUnreadable(reason="it is not text in UTF-8"))
    return answer(request, RouteNotFound(path=request.url.path))


async def _answer_unexpected(request: Request, error: Exception) -> JSONResponse:
    log.exception("unexpected error", request_id=request.state.request_id, exc_info=error)
    return answer(request, Internal())


def _pointer(error: dict[str, Any], body: Any) -> str:
    """A JSON Pointer into the body; the names of union members, which pydantic puts into its path, are left out."""
    place, *steps = error["loc"]
    if place != "body":
        return ".".join(str(step) for step in steps) or str(place)
    at, pointer = body, ""
    for step in steps:
        is_there = step in at if isinstance(at, dict) else isinstance(at, list) and isinstance(step, int)
        if is_there or (isinstance(at, dict) and error["type"] == "missing" and step is steps[-1]):
            pointer += f"/{step}"
            at = at.get(step) if isinstance(at, dict) else at[step] if step < len(at) else None
    return pointer


def _allowed(request: Request) -> list[str]:
    """The methods that this path answers; the framework's own header names the first route's alone."""
    found = []
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            found.append(method)
    return found
