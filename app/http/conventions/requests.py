"""What surrounds every request: its id, its log line, its count, and the limit of its body."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLarge, RequestInvalid
from app.http.conventions.problems import answer

MIB = 1024 * 1024
BODY_LIMIT = MIB
LARGE_BODY_LIMIT = 16 * MIB
LARGE_BODIES = ("/invocations", "/v1/scoring-runs", "/v1/scoring-runs:plan")
REQUESTS = Counter("causeway_http_requests", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram(
    "causeway_http_request_seconds",
    "Time to the end of an answer, less what its caller asked to wait",
    ["method", "route"],
)
log = structlog.get_logger("causeway.requests")


class RequestFrame:
    """A pure ASGI middleware: the framework's own base class costs more than the rest of a request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Frame an HTTP request; let everything else pass."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = f"req_{secrets.token_hex(10)}"
        scope.setdefault("state", {}).update(request_id=request_id, principal="unknown")
        started, status = time.perf_counter(), 500

        async def send_framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            if "\0" in scope["path"] or b"%00" in scope["query_string"]:
                # No name holds it, and PostgreSQL refuses to look for one that does.
                errors = [{"pointer": "address", "detail": "It holds a character that no name has: %00."}]
                refusal = answer(Request(scope), RequestInvalid(count=1), {"errors": errors})
                await refusal(scope, receive, send_framed)
            else:
                await self.app(scope, _limited(scope, receive), send_framed)
        finally:
            _account(scope, status, time.perf_counter() - started, request_id)


@contextmanager
def waiting(request: Request) -> Iterator[None]:
    """Time spent in here is what the caller asked to wait, and not how long the service took."""
    started = time.perf_counter()
    try:
        yield
    finally:
        request.state.waited_seconds = getattr(request.state, "waited_seconds", 0.0) + time.perf_counter() - started


def _limited(scope: Scope, receive: Receive) -> Receive:
    limit = LARGE_BODY_LIMIT if scope["path"].endswith(LARGE_BODIES) else BODY_LIMIT
    taken = 0

    async def receive_limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise BodyTooLarge(limit_bytes=limit)
        return message

    return receive_limited


def _account(scope: Scope, status: int, seconds: float, request_id: str) -> None:
    route = getattr(scope.get("route"), "path", "unmatched")
    REQUESTS.labels(scope["method"], route, status).inc()
    SECONDS.labels(scope["method"], route).observe(seconds - scope["state"].get("waited_seconds", 0.0))
    if route not in {"/livez", "/readyz", "/metrics"}:
        log.info(
            "request",
            method=scope["method"],
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
            request_id=request_id,
            principal=scope["state"]["principal"],
        )
