"""What happens to a request? One ASGI application a workspace: fault, route, caller, check, handler, answer."""

import asyncio
import inspect
import sys
import traceback
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.sandbox import admin, apis, errors, identity
from app.sandbox.faults import Fault, Faults, Kind
from app.sandbox.journal import Requests, SeenRequest
from app.sandbox.wire import Call, Route, find_route
from app.sandbox.world import World, now_ms


def make_app(world: World, name: str, faults: Faults, requests: Requests) -> ASGIApp:
    """The application of the workspace of this name."""
    own = admin.make_routes(world, faults, requests).declared
    # Literal paths before those with parameters, free paths last.
    routes = sorted([*own, *apis.ROUTES], key=lambda route: (":path}" in route.path, route.path.count("{")))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path, workspace = request.url.path, world.workspaces[name]
        ours = path.startswith("/__sandbox/")
        fault = None if ours else faults.take(name, request.method, path)
        call = Call(world, workspace, "", request)
        try:
            response = await _answer(call, routes, fault)
        except ClientDisconnect:
            return
        lost = fault is not None and fault.kind is Kind.LOSE_ANSWER
        if not ours:
            status = 0 if lost else response.status_code
            requests.append(SeenRequest(name, call.principal, request.method, path, status, now_ms()))
        if lost:
            await _hang_up(scope, receive)
        else:
            response.headers["x-databricks-org-id"] = workspace.id
            await response(scope, receive, send)

    return app


async def _answer(call: Call, routes: list[Route], fault: Fault | None) -> Response:
    try:
        if fault is not None:
            await asyncio.sleep(fault.delay_seconds)
            refusal = fault.refusal()
            if refusal:
                raise refusal
        route, call.params = find_route(routes, call.request.method, call.request.url.path)
        return _respond(await _handle(call, route))
    except errors.PlatformError as error:
        if error.status == 501:
            print(f"sandbox: {error.message}", file=sys.stderr)
        status = call.world.settings.does_not_exist_status if errors.is_missing_object(error) else error.status
        return JSONResponse(error.body, status, error.headers)
    except ClientDisconnect:
        raise
    except Exception as problem:
        traceback.print_exc()
        failure = errors.PlatformError(500, "INTERNAL_ERROR", f"The sandbox failed: {problem!r}")
        return JSONResponse(failure.body, 500)


async def _handle(call: Call, route: Route) -> Any:
    authorization = call.request.headers.get("authorization")
    if inspect.iscoroutinefunction(route.handler):
        await run_in_threadpool(_admit, call, route, authorization)
        return await route.handler(call)
    call.raw = await call.request.body()

    def work() -> Any:
        _admit(call, route, authorization)
        if not route.locked:
            return route.handler(call)
        with call.state.transaction():
            return route.handler(call)

    return await run_in_threadpool(work)


def _admit(call: Call, route: Route, authorization: str | None) -> None:
    if not route.public:
        call.principal = identity.authenticate(call.world, call.workspace, authorization)
    if route.admin:
        call.require_admin()
    route.read(call)


def _respond(answer: Any) -> Response:
    if isinstance(answer, Response):
        return answer
    return JSONResponse(answer.as_dict() if hasattr(answer, "as_dict") else answer or {})


async def _hang_up(scope: Scope, receive: Receive) -> None:
    scope["state"]["transport"].close()
    while (await receive())["type"] != "http.disconnect":
        pass
