"""The serving endpoints of a workspace: made, configured, tagged, deleted; their states and logs.

The platform's manners are kept: an update stays IN_PROGRESS until it was read once, a second one meanwhile is a 409,
and whoever created an endpoint is the one whose rights count for ever.
"""

import uuid
from typing import Any

from databricks.sdk.service.serving import (
    AiGatewayConfig,
    EmailNotifications,
    EndpointCoreConfigInput,
    EndpointTag,
    RateLimit,
    ServedEntityInput,
    ServedModelInput,
    ServingEndpoint,
    ServingEndpointDetailed,
    TelemetryConfig,
    TrafficConfig,
)

from app.sandbox import deployments, endpoint_configs, endpoint_permissions, endpoint_views, errors, quotas
from app.sandbox.endpoint_views import is_updating
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes
from app.sandbox.world import now_ms

routes = Routes()
BASE = "/api/2.0/serving-endpoints"
_LOGS = BASE + "/{name}/served-models/{served_model_name}"


@routes.post(
    BASE,
    body={
        "name!": str,
        "config": EndpointCoreConfigInput,
        "tags": [EndpointTag],
        "description": str,
        "ai_gateway": AiGatewayConfig,
        "budget_policy_id": str,
        "email_notifications": EmailNotifications,
        "rate_limits": [RateLimit],
        "route_optimized": bool,
        "telemetry_config": TelemetryConfig,
    },
)
def create_endpoint(call: Call) -> ServingEndpointDetailed:
    """Not ready at first; the caller is its creator for ever [DOC]."""
    name = call.body["name"]
    if not endpoint_configs.NAME.fullmatch(name) or name.startswith("databricks-"):
        raise errors.invalid(f"Invalid endpoint name '{name}': letters, digits, dashes and underscores, at most 63.")
    for field in ("ai_gateway", "budget_policy_id", "rate_limits", "route_optimized", "telemetry_config"):
        if call.body.get(field):
            raise errors.PlatformError(501, "NOT_IMPLEMENTED", f"The sandbox does not know an endpoint's '{field}'.")
    if call.state.find("endpoint", call.workspace.name, name):
        message = f"Serving endpoint with name '{name}' already exists."
        raise errors.PlatformError(call.world.settings.endpoint_exists_status, "RESOURCE_ALREADY_EXISTS", message)
    held = len(call.state.list_all("endpoint", call.workspace.name))
    quotas.check(call, "serving endpoints", held, call.world.settings.endpoints_per_workspace)
    now = now_ms()
    endpoint: Document = {
        "id": uuid.uuid4().hex,
        "creator": call.principal,
        "created_at": now,
        "updated_at": now,
        "description": call.body.get("description"),
        "tags": {tag["key"]: tag.get("value", "") for tag in call.body.get("tags", [])},
        "permissions": {},
        **dict.fromkeys(("config", "previous", "pending", "outcome")),
        "unread": False,
        "versions": 0,
    }
    call.record("endpoint-created", name)
    _change_config(call, name, endpoint, call.body.get("config") or {})
    return endpoint_views.show(call, name, endpoint)


@routes.get(BASE)
def list_endpoints(call: Call) -> dict[str, Any]:
    """All that the caller may view, on one page [SDK]."""
    shown = [
        ServingEndpoint(**endpoint_views.show_summary(call, name, endpoint)).as_dict()
        for name, endpoint in call.state.list_all("endpoint", call.workspace.name)
        if endpoint_permissions.allows(call, endpoint, "CAN_VIEW")
    ]
    return {"endpoints": shown} if shown else {}


@routes.get(BASE + "/{name}")
def get_endpoint(call: Call) -> ServingEndpointDetailed:
    """What has been settled meanwhile is told by the next read, not by this one [FAKE]."""
    name = call.params["name"]
    endpoint = find(call, name, "CAN_VIEW")
    shown = endpoint_views.show(call, name, endpoint)
    if endpoint["unread"]:
        call.state.put("endpoint", call.workspace.name, name, {**endpoint, "unread": False})
    return shown


@routes.put(
    BASE + "/{name}/config",
    body={
        "served_entities": [ServedEntityInput],
        "traffic_config": TrafficConfig,
        "served_models": [ServedModelInput],
        "auto_capture_config": object,
    },
)
def update_config(call: Call) -> ServingEndpointDetailed:
    """Replaces the configuration as a whole; refused while another update is under way [SDK]."""
    name = call.params["name"]
    endpoint = find(call, name, "CAN_MANAGE")
    if is_updating(endpoint):
        message = f"Endpoint '{name}' is currently updating. Wait for the update to complete before updating again."
        code = call.world.settings.update_conflict_code
        raise errors.PlatformError(400 if code == "INVALID_STATE" else 409, code, message)
    _change_config(call, name, endpoint, call.body)
    return endpoint_views.show(call, name, endpoint)


@routes.delete(BASE + "/{name}")
def delete_endpoint(call: Call) -> None:
    """Gone at once, with its servers."""
    name = call.params["name"]
    endpoint = find(call, name, "CAN_MANAGE")
    call.state.remove("endpoint", call.workspace.name, name)
    deployments.end(call.world, call.workspace, endpoint)
    call.record("endpoint-deleted", name)


@routes.patch(BASE + "/{name}/tags", body={"add_tags": [EndpointTag], "delete_tags": [str]})
def change_tags(call: Call) -> dict[str, Any]:
    """Tags are changed without an update of the endpoint."""
    name = call.params["name"]
    endpoint = find(call, name, "CAN_MANAGE")
    endpoint["tags"] |= {tag["key"]: tag.get("value", "") for tag in call.body.get("add_tags", [])}
    for key in call.body.get("delete_tags", []):
        endpoint["tags"].pop(key, None)
    call.state.put("endpoint", call.workspace.name, name, endpoint)
    call.record("endpoint-tags-changed", name, tags=endpoint["tags"])
    return {"tags": [tag.as_dict() for tag in endpoint_views.show_tags(endpoint)]}


@routes.get(_LOGS + "/build-logs")
def get_build_logs(call: Call) -> dict[str, Any]:
    """How the entity's image was built, or why it was not."""
    return {"logs": deployments.find_server(call.world, call.workspace, _find_entity(call))["build_log"]}


@routes.get(_LOGS + "/logs")
def get_logs(call: Call) -> dict[str, Any]:
    """What the entity's server printed."""
    return {"logs": deployments.read_log(call.world, call.workspace, _find_entity(call))}


def find(call: Call, name: str, level: str) -> Document:
    """The endpoint; 404 when there is none, 403 when the caller lacks the permission on it."""
    endpoint = call.state.find("endpoint", call.workspace.name, name)
    if endpoint is None:
        message = f"Endpoint with name '{name}' does not exist."
        raise errors.PlatformError(404, "RESOURCE_DOES_NOT_EXIST", message)
    if not endpoint_permissions.allows(call, endpoint, level):
        raise errors.denied(f"User {call.principal} does not have {level} permission on endpoint '{name}'.")
    return endpoint


def _change_config(call: Call, name: str, endpoint: Document, wanted: Document) -> None:
    version = endpoint["versions"] + 1
    pending = endpoint_configs.make(call, wanted, endpoint["creator"], endpoint["config"], version)
    endpoint |= {"pending": pending, "outcome": None, "unread": True, "versions": version, "updated_at": now_ms()}
    call.state.put("endpoint", call.workspace.name, name, endpoint)
    call.record(
        *("endpoint-config-updated", name),
        version=version,
        entities={
            entity["name"]: f"{entity['entity_name']}/{entity['entity_version']}" for entity in pending["entities"]
        },
        traffic=pending["routes"],
    )
    deployments.begin(call.world, call.workspace, name)


def _find_entity(call: Call) -> Document:
    endpoint = find(call, call.params["name"], "CAN_VIEW")
    served = call.params["served_model_name"]
    for config in (endpoint["pending"], endpoint["config"]):
        for entity in (config or {}).get("entities", []):
            if entity["name"] == served:
                return dict(entity)
    message = f"Served model '{served}' does not exist in endpoint '{call.params['name']}'."
    raise errors.PlatformError(404, "RESOURCE_DOES_NOT_EXIST", message)
