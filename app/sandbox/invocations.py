"""What does an endpoint answer? Queries, sent to one served entity: by the traffic split, or by name."""

import random
from dataclasses import dataclass

import httpx
from starlette.responses import Response

from app.sandbox import errors, model_servers, models, serving_endpoints
from app.sandbox.model_servers import ModelServer
from app.sandbox.settings import Settings
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
LIMIT_BYTES = 16 * 1024 * 1024
_clients: dict[str, httpx.AsyncClient] = {}


@dataclass(frozen=True)
class Active:
    """An active configuration: entities by name, traffic in percent, and the settings as they were just now."""

    entities: dict[str, Document]
    traffic: dict[str, int]
    settings: Settings


@routes.post("/serving-endpoints/{name}/invocations")
async def query_endpoint(call: Call) -> Response:
    """One entity, drawn by the traffic split: a coin toss per request."""
    active = await call.run(_find_active, call)
    [name] = random.choices(list(active.traffic), weights=list(active.traffic.values()))  # noqa: S311  no secret
    return await _answer(call, active.entities[name], active.settings)


@routes.post("/serving-endpoints/{name}/served-models/{served_model_name}/invocations")
async def query_served_entity(call: Call) -> Response:
    """The named entity, whatever the traffic split says [DOC]."""
    active = await call.run(_find_active, call)
    name = call.params["served_model_name"]
    if name not in active.entities:
        message = f"Served model '{name}' does not exist in endpoint '{call.params['name']}'."
        raise errors.PlatformError(404, "RESOURCE_DOES_NOT_EXIST", message)
    return await _answer(call, active.entities[name], active.settings)


def _find_active(call: Call) -> Active:
    name = call.params["name"]
    endpoint = serving_endpoints.find(call, name, "CAN_QUERY")
    if endpoint["config"] is None:
        raise _unavailable(call.world.settings, f"Endpoint '{name}' is not ready yet.")
    entities = {entity["name"]: entity for entity in endpoint["config"]["entities"]}
    settings = call.world.settings
    if not settings.serve_withdrawn:
        for entity in entities.values():
            model = models.find(call, entity["entity_name"])
            models.find_version(call, model, int(entity["entity_version"]))
    return Active(entities, endpoint["config"]["routes"], settings)


async def _answer(call: Call, entity: Document, settings: Settings) -> Response:
    body = await _read_body(call, settings)
    server = model_servers.find(entity["id"])
    if server is None or server.state != model_servers.READY:
        raise _unavailable(settings, f"The served entity '{entity['name']}' is not ready.")
    if settings.limit_concurrency and server.in_flight >= server.concurrency:
        message = "Exceeded the maximum number of parallel requests; retry later."
        wait = {"Retry-After": str(settings.retry_after_seconds)} if settings.retry_after_seconds else None
        raise errors.PlatformError(429, "REQUEST_LIMIT_EXCEEDED", message, headers=wait)
    server.in_flight += 1
    try:
        answer = await _client(server).post(
            "/invocations",
            content=body,
            headers={"content-type": call.request.headers.get("content-type", "application/json")},
        )
    except httpx.TimeoutException:
        raise errors.PlatformError(504, "DEADLINE_EXCEEDED", "The model did not answer in time.") from None
    except httpx.TransportError:
        raise _unavailable(settings, f"The served entity '{entity['name']}' went away while it was asked.") from None
    finally:
        server.in_flight -= 1
    headers = {"served-model-name": entity["name"], "content-type": answer.headers["content-type"]}
    return Response(answer.content, answer.status_code, headers)


async def _read_body(call: Call, settings: Settings) -> bytes:
    """The body, at most 16 MB of it; the rest of a larger one is read and forgotten, so that the answer arrives."""
    body = bytearray()
    size = 0
    async for part in call.request.stream():
        size += len(part)
        if size <= LIMIT_BYTES:
            body += part
    if size > LIMIT_BYTES:
        code = "BAD_REQUEST" if settings.too_large_status == 400 else "REQUEST_ENTITY_TOO_LARGE"
        raise errors.PlatformError(settings.too_large_status, code, f"Request size cannot exceed {LIMIT_BYTES} bytes.")
    return bytes(body)


def _client(server: ModelServer) -> httpx.AsyncClient:
    for server_id in [known for known in _clients if model_servers.find(known) is None]:
        del _clients[server_id]
    if server.id not in _clients:
        _clients[server.id] = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=server.socket),
            base_url="http://model",
            timeout=model_servers.REQUEST_LIMIT_SECONDS,
            limits=httpx.Limits(max_connections=None),
        )
    return _clients[server.id]


def _unavailable(settings: Settings, message: str) -> errors.PlatformError:
    codes = {503: "TEMPORARILY_UNAVAILABLE", 504: "DEADLINE_EXCEEDED", 408: "REQUEST_TIMEOUT"}
    return errors.PlatformError(settings.not_ready_status, codes[settings.not_ready_status], message)
