"""How does the platform show an endpoint? Its state, the active and the pending configuration, each entity's state."""

from typing import Any

from databricks.sdk.service.serving import (
    EndpointCoreConfigOutput,
    EndpointCoreConfigSummary,
    EndpointPendingConfig,
    EndpointState,
    EndpointStateConfigUpdate,
    EndpointStateReady,
    EndpointTag,
    Route,
    ServedEntityOutput,
    ServedEntitySpec,
    ServedModelState,
    ServedModelStateDeployment,
    ServingEndpointDetailed,
    ServingEndpointDetailedPermissionLevel,
    ServingModelWorkloadType,
    TrafficConfig,
)

from app.sandbox import deployments, endpoint_permissions, model_servers
from app.sandbox.state import Document
from app.sandbox.wire import Call


def is_updating(endpoint: Document) -> bool:
    """Whether an update is under way, or has ended without anybody having read of it."""
    return endpoint["outcome"] is None or bool(endpoint["unread"])


def show(call: Call, name: str, endpoint: Document) -> ServingEndpointDetailed:
    """The endpoint as it is read now: an ended update that was never read is still in progress."""
    updating, failed = is_updating(endpoint), endpoint["outcome"] == "UPDATE_FAILED"
    active = endpoint["previous"] if updating and endpoint["outcome"] == "NOT_UPDATING" else endpoint["config"]
    pending = endpoint["pending"] if updating or failed else None
    return ServingEndpointDetailed(
        **_show_common(name, endpoint),
        config=_show_config(call, active) if active else None,
        pending_config=_show_pending(call, pending) if pending else None,
        permission_level=ServingEndpointDetailedPermissionLevel(endpoint_permissions.level_of(call, endpoint)),
        route_optimized=False,
        state=_show_state(call, endpoint, active),
    )


def show_summary(call: Call, name: str, endpoint: Document) -> dict[str, Any]:
    """The endpoint as lists show it."""
    updating = is_updating(endpoint)
    active = endpoint["previous"] if updating and endpoint["outcome"] == "NOT_UPDATING" else endpoint["config"]
    entities = (active or endpoint["pending"])["entities"]
    specs = [
        ServedEntitySpec(
            name=entity["name"], entity_name=entity["entity_name"], entity_version=entity["entity_version"]
        )
        for entity in entities
    ]
    return {
        **_show_common(name, endpoint),
        "config": EndpointCoreConfigSummary(served_entities=specs),
        "state": _show_state(call, endpoint, active),
    }


def show_tags(endpoint: Document) -> list[EndpointTag]:
    """Sorted by key [FAKE]."""
    return [EndpointTag(key=key, value=value) for key, value in sorted(endpoint["tags"].items())]


def _show_common(name: str, endpoint: Document) -> dict[str, Any]:
    return {
        "name": name,
        "id": endpoint["id"],
        "creator": endpoint["creator"],
        "creation_timestamp": endpoint["created_at"],
        "last_updated_timestamp": endpoint["updated_at"],
        "description": endpoint["description"],
        "tags": show_tags(endpoint),
    }


def _show_state(call: Call, endpoint: Document, active: Document | None) -> EndpointState:
    """Ready when every entity of the active configuration is [SDK]."""
    states = [
        deployments.find_server(call.world, call.workspace, entity)["state"]
        for entity in (active or {}).get("entities", [])
    ]
    ready = bool(states) and all(state == model_servers.READY for state in states)
    update = "IN_PROGRESS" if is_updating(endpoint) else endpoint["outcome"]
    return EndpointState(
        ready=EndpointStateReady.READY if ready else EndpointStateReady.NOT_READY,
        config_update=EndpointStateConfigUpdate(update),
    )


def _show_config(call: Call, config: Document) -> EndpointCoreConfigOutput:
    return EndpointCoreConfigOutput(
        served_entities=[_show_entity(call, entity) for entity in config["entities"]],
        traffic_config=_show_traffic(config),
        config_version=config["version"],
    )


def _show_pending(call: Call, config: Document) -> EndpointPendingConfig:
    return EndpointPendingConfig(
        served_entities=[_show_entity(call, entity) for entity in config["entities"]],
        traffic_config=_show_traffic(config),
        config_version=config["version"],
        start_time=config["started_at"],
    )


def _show_entity(call: Call, entity: Document) -> ServedEntityOutput:
    known = deployments.find_server(call.world, call.workspace, entity)
    return ServedEntityOutput(
        name=entity["name"],
        entity_name=entity["entity_name"],
        entity_version=entity["entity_version"],
        workload_size=entity.get("workload_size"),
        workload_type=ServingModelWorkloadType(entity.get("workload_type", "CPU")),
        scale_to_zero_enabled=entity.get("scale_to_zero_enabled", False),
        min_provisioned_concurrency=entity.get("min_provisioned_concurrency"),
        max_provisioned_concurrency=entity.get("max_provisioned_concurrency"),
        environment_vars=entity.get("environment_vars"),
        creator=entity["creator"],
        creation_timestamp=entity["created_at"],
        state=ServedModelState(
            deployment=ServedModelStateDeployment(known["state"]), deployment_state_message=known["message"]
        ),
    )


def _show_traffic(config: Document) -> TrafficConfig:
    return TrafficConfig(
        routes=[
            Route(served_model_name=name, served_entity_name=name, traffic_percentage=percentage)
            for name, percentage in config["routes"].items()
        ]
    )
