"""How does a prediction travel to an endpoint and back? Bytes through, in bounded memory, one request a call.

The one part that is async: it runs on the event loop and holds no thread. `predict` is its blocking twin for workflows.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import WeakKeyDictionary

import aiohttp
import requests

from app.errors import EndpointNotFound, Problem, WorkspaceFault, WorkspaceTimeout, WorkspaceUnavailable
from app.workspaces import faults, prediction_faults
from app.workspaces.clients import Connection, get_connection
from app.workspaces.credentials import Credentials

# The platform itself ends a prediction after 597 s [DOC].
TOTAL_TIMEOUT_SECONDS = 600
CONNECT_TIMEOUT_SECONDS = 10
SMOKE_TIMEOUT_SECONDS = 300
PARALLEL_PER_HOST = 200
ERROR_LIMIT_BYTES = 64 * 1024
RESENT_BYTES = 256 * 1024
NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
REQUEST_HEADERS = ("content-type", "content-encoding", "content-length", "accept", "accept-encoding", "traceparent")
RESPONSE_HEADERS = (
    "content-type",
    "content-encoding",
    "content-length",
    "served-model-name",
    "x-request-id",
    "databricks-request-id",
)


@dataclass(frozen=True)
class Answer:
    """What the endpoint said: the headers that may pass, in lower case, and the body as it comes, still encoded."""

    status: int
    headers: dict[str, str]
    body: AsyncIterator[bytes]


@dataclass(frozen=True)
class Prediction:
    """A whole answer: the parsed JSON, and the name of the served entity that gave it where the platform says so."""

    content: Any
    served_by: str | None


_sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = WeakKeyDictionary()
_sign_ins: dict[Credentials, asyncio.Future[dict[str, str]]] = {}


@asynccontextmanager
async def invoking(
    workspace: str,
    endpoint: str,
    *,
    served: str | None = None,
    headers: Mapping[str, str],
    body: bytes | AsyncIterable[bytes],
) -> AsyncIterator[Answer]:
    """Send one prediction request and yield the endpoint's answer; `served` calls one entity past the traffic split.

    Of `headers` only those of `REQUEST_HEADERS` go along. A refusal raises before anything is yielded, such as
    `PredictionRejected`, `EndpointNotFound`, `WorkspaceRefused`, `EndpointNotServing` with its Retry-After. A problem
    raised by `body` while it is read comes out as itself. Nothing is ever sent twice but a body of up to
    `RESENT_BYTES` whose token was refused: nobody has looked at it.
    """
    connection = get_connection(workspace)
    url, kept = _make_url(connection, workspace, endpoint, served), _Kept(body)
    passing = {"accept-encoding": "identity", **_pick(headers, REQUEST_HEADERS)}
    with connection.circuit.guarding(workspace, _action(endpoint)):
        try:
            async with AsyncExitStack() as answers:
                answer = await answers.enter_async_context(await _post(connection, url, passing, kept.read()))
                said = await _read_refusal(answer)
                if answer.status in {401, 403} and kept.is_whole:
                    _, stale_token = prediction_faults.read(workspace, endpoint, answer.status, answer.headers, said)
                    if stale_token:
                        connection.credentials.forget()
                        again = await _post(connection, url, passing, b"".join(kept.parts))
                        answer = await answers.enter_async_context(again)
                        said = await _read_refusal(answer)
                connection.circuit.close()
                if answer.status != 200:
                    raise _refusal(connection, workspace, endpoint, answer.status, answer.headers, said)
                yield Answer(answer.status, _pick(answer.headers, RESPONSE_HEADERS), answer.content.iter_any())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _failure(error, workspace, endpoint) from error


class _Kept:
    """A body that passes through, and stays at hand to be sent again when it was short and is whole."""

    def __init__(self, body: bytes | AsyncIterable[bytes]) -> None:
        self._body = body
        self.parts: list[bytes] = [body] if isinstance(body, bytes) else []
        self.is_whole = isinstance(body, bytes)

    def read(self) -> bytes | AsyncIterable[bytes]:
        """The body, for the first time."""
        return self._body if isinstance(self._body, bytes) else self._pass_on(self._body)

    async def _pass_on(self, body: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        size = 0
        async for part in body:
            size += len(part)
            if size <= RESENT_BYTES:
                self.parts.append(part)
            else:
                self.parts.clear()
            yield part
        self.is_whole = size <= RESENT_BYTES


def predict(workspace: str, endpoint: str, payload: dict[str, Any], *, served: str | None = None) -> Prediction:
    """One prediction, blocking, for the smoke test and the round trip; raises as `invoking` does."""
    connection = get_connection(workspace)
    url = _make_url(connection, workspace, endpoint, served)
    action, limits = _action(endpoint), (CONNECT_TIMEOUT_SECONDS, SMOKE_TIMEOUT_SECONDS)
    with connection.circuit.guarding(workspace, action):
        token = connection.credentials.get_headers()
        try:
            answer = requests.post(url, json=payload, headers=token, timeout=limits, allow_redirects=False)
            connection.circuit.close()
            if answer.status_code != 200:
                raise _refusal(connection, workspace, endpoint, answer.status_code, answer.headers, answer.content)
            return Prediction(answer.json(), answer.headers.get("served-model-name"))
        except requests.RequestException as error:
            raise faults.as_problem(error, workspace, action) from error


async def close() -> None:
    """Close this event loop's connections, at the process's end."""
    session = _sessions.pop(asyncio.get_running_loop(), None)
    if session is not None:
        await session.close()


def _make_url(connection: Connection, workspace: str, endpoint: str, served: str | None) -> str:
    # From the configured host and checked names alone, so that no request can steer the token elsewhere.
    if not NAME.fullmatch(endpoint):
        raise EndpointNotFound(workspace=workspace, kind="endpoint", name=endpoint)
    if served is not None and not NAME.fullmatch(served):
        raise EndpointNotFound(workspace=workspace, kind="served model", name=served)
    part = f"/served-models/{served}" if served else ""
    return f"{connection.configured.host}/serving-endpoints/{endpoint}{part}/invocations"


async def _post(connection: Connection, url: str, headers: dict[str, str], body: bytes | AsyncIterable[bytes]) -> Any:
    token = connection.credentials.find_headers() or await _sign_in(connection)
    proxy = _find_proxy(connection.configured.host)
    return _get_session().post(url, data=body, headers={**headers, **token}, allow_redirects=False, proxy=proxy)


async def _read_refusal(answer: aiohttp.ClientResponse) -> bytes:
    """What a refusal says, as far as it is of interest; an answer's own bytes are left where they are."""
    return b"" if answer.status == 200 else await answer.content.read(ERROR_LIMIT_BYTES)


async def _sign_in(connection: Connection) -> dict[str, str]:
    # One thread a workspace, whose outcome all share: the threads of one that hangs would else be everybody's.
    signing_in = _sign_ins.get(connection.credentials)
    if signing_in is None:
        signing_in = _sign_ins[connection.credentials] = asyncio.ensure_future(
            asyncio.to_thread(connection.credentials.get_headers)
        )
        signing_in.add_done_callback(lambda _: _sign_ins.pop(connection.credentials, None))
    return await asyncio.shield(signing_in)


def _get_session() -> aiohttp.ClientSession:
    loop = asyncio.get_running_loop()
    session = _sessions.get(loop)
    if session is None or session.closed:
        session = _sessions[loop] = aiohttp.ClientSession(
            # No limit over all hosts: a workspace that hangs must not hold the connections of the others.
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=PARALLEL_PER_HOST),
            timeout=aiohttp.ClientTimeout(total=TOTAL_TIMEOUT_SECONDS, sock_connect=CONNECT_TIMEOUT_SECONDS),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Content-Type",),
        )
    return session


@lru_cache
def _find_proxy(host: str) -> str | None:
    # Asked once: aiohttp's own way reads the environment, and a netrc file in a thread, on every request [RUN].
    parts = urlsplit(host)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def _action(endpoint: str) -> str:
    return f"predicting with endpoint {endpoint}"


def _pick(headers: Mapping[str, str], allowed: tuple[str, ...]) -> dict[str, str]:
    return {name: value for given, value in headers.items() if (name := given.lower()) in allowed}


def _refusal(
    connection: Connection, workspace: str, endpoint: str, status: int, headers: Mapping[str, str], said: bytes
) -> Problem:
    problem, stale_token = prediction_faults.read(workspace, endpoint, status, headers, said)
    if stale_token:
        connection.credentials.forget()
    return problem


def _failure(error: Exception, workspace: str, endpoint: str) -> Problem:
    if isinstance(error.__cause__, Problem):
        return error.__cause__
    fields: dict[str, Any] = {"workspace": workspace, "action": _action(endpoint)}
    if isinstance(error, aiohttp.ServerTimeoutError | TimeoutError) and not isinstance(
        error, aiohttp.ConnectionTimeoutError
    ):
        return WorkspaceTimeout(**fields)
    if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError):
        return WorkspaceUnavailable(retry_after_seconds=faults.RETRY_AFTER_SECONDS, **fields)
    return WorkspaceFault(**fields)
