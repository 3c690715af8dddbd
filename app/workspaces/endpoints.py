"""What does an endpoint serve, in which state, and how is that changed? Configurations are replaced whole."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from databricks.sdk.service.serving import (
    EndpointCoreConfigInput,
    EndpointState,
    EndpointTag,
    Route,
    ServedEntityInput,
    ServedEntityOutput,
    ServingEndpoint,
    ServingEndpointDetailed,
    ServingModelWorkloadType,
    TrafficConfig,
)

from app.errors import (
    AlreadyExists,
    EndpointNotFound,
    ModelVersionNotFound,
    UpstreamNotFound,
    WorkspaceConflict,
    WrittenNotVisible,
)
from app.workspaces import faults, limits
from app.workspaces.clients import connected
from app.workspaces.pages import as_time


@dataclass(frozen=True)
class ServedEntity:
    """A model version under a name of its own in an endpoint, with its share of the traffic in percent."""

    name: str
    model: str
    version: str
    traffic: int
    workload_size: str | None = "Small"
    workload_type: str = "CPU"
    scale_to_zero: bool = True


@dataclass(frozen=True)
class EntityState:
    """How one served entity stands: `state` is DEPLOYMENT_READY, DEPLOYMENT_FAILED …; `message` is the platform's."""

    entity: ServedEntity
    state: str
    message: str
    created_at: datetime | None


@dataclass(frozen=True)
class Endpoint:
    """An endpoint. `update` is NOT_UPDATING, IN_PROGRESS, UPDATE_FAILED or UPDATE_CANCELED, and makes `pending`."""

    name: str
    id: str | None
    creator: str | None
    ready: bool
    update: str
    active: list[EntityState]
    pending: list[EntityState] | None
    tags: dict[str, str]
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True)
class ListedEndpoint:
    """What the list tells of an endpoint; `serves` is (served name, model, version)."""

    name: str
    creator: str | None
    ready: bool
    update: str
    serves: list[tuple[str, str, str]]
    tags: dict[str, str]
    created_at: datetime | None
    updated_at: datetime | None


def list_endpoints(workspace: str) -> list[ListedEndpoint]:
    """The endpoints that Causeway may see, by name; the platform has no pages for them."""
    with connected(workspace, "listing serving endpoints") as client:
        return sorted(map(_as_listed, client.serving_endpoints.list()), key=lambda item: item.name)


def get_endpoint(workspace: str, endpoint: str) -> Endpoint:
    """The endpoint as it stands now; raises `EndpointNotFound`."""
    with connected(workspace, f"reading endpoint {endpoint}", _missing(workspace, endpoint)) as client:
        return _as_endpoint(client.serving_endpoints.get(endpoint))


def find_endpoint(workspace: str, endpoint: str) -> Endpoint | None:
    """The endpoint as it stands now, or None."""
    try:
        return get_endpoint(workspace, endpoint)
    except EndpointNotFound:
        return None


def ensure_endpoint(workspace: str, endpoint: str, entities: list[ServedEntity], *, tags: dict[str, str]) -> Endpoint:
    """The endpoint, created with these entities and tags if there is none; an existing one is returned as it is.

    Whose an existing one is, its tags tell. Its creator, which is control, must keep EXECUTE on every model [DOC].
    Raises `ModelVersionNotFound`, and `WorkspaceRefused` without EXECUTE.
    """
    if (found := find_endpoint(workspace, endpoint)) is not None:
        return found
    action = f"creating endpoint {endpoint}"
    limits.count_change(workspace, action)
    with suppress(AlreadyExists), connected(workspace, action, _missing_versions(workspace, entities)) as client:
        client.serving_endpoints.create(endpoint, config=_make_config(endpoint, entities), tags=_make_tags(tags))
    if (found := find_endpoint(workspace, endpoint)) is None:
        raise WrittenNotVisible(workspace=workspace, action=action)
    return found


def ensure_config(workspace: str, endpoint: str, entities: list[ServedEntity]) -> Endpoint:
    """Have the endpoint serve exactly these entities; returns while the update is under way, or without one if it does.

    Never starts a second update beside a running one: the same one is a success, another one is `WorkspaceConflict`.
    An update that failed before is started anew.
    """
    action = f"updating endpoint {endpoint}"
    found = get_endpoint(workspace, endpoint)
    if _shows(found, entities):
        return found
    if found.update == "IN_PROGRESS":
        raise WorkspaceConflict(workspace=workspace, action=action)
    limits.count_change(workspace, action)
    config = _make_config(endpoint, entities)
    with connected(workspace, action, _missing_versions(workspace, entities)) as client:
        client.serving_endpoints.update_config(
            endpoint, served_entities=config.served_entities, traffic_config=config.traffic_config
        )
    found = get_endpoint(workspace, endpoint)
    # One that has failed meanwhile was accepted: it leaves the active configuration as it was [DOC].
    if found.update in {"IN_PROGRESS", "NOT_UPDATING"} and not _shows(found, entities):
        raise WrittenNotVisible(workspace=workspace, action=action)
    return found


def ensure_tags(workspace: str, endpoint: str, tags: dict[str, str]) -> None:
    """Set these tags where they differ; others stay. Raises `EndpointNotFound`."""
    lacking = tags.items() - get_endpoint(workspace, endpoint).tags.items()
    if not lacking:
        return
    action = f"tagging endpoint {endpoint}"
    with connected(workspace, action, _missing(workspace, endpoint)) as client:
        client.serving_endpoints.patch(endpoint, add_tags=_make_tags(dict(lacking)))
    if tags.items() - get_endpoint(workspace, endpoint).tags.items():
        raise WrittenNotVisible(workspace=workspace, action=action)


def remove_endpoint(workspace: str, endpoint: str) -> None:
    """Delete the endpoint, for good; one that is gone is a success."""
    action = f"deleting endpoint {endpoint}"
    try:
        with connected(workspace, action, _missing(workspace, endpoint)) as client:
            client.serving_endpoints.delete(endpoint)
    except EndpointNotFound:
        return
    if find_endpoint(workspace, endpoint) is not None:
        raise WrittenNotVisible(workspace=workspace, action=action)


def _missing(workspace: str, endpoint: str) -> UpstreamNotFound:
    return faults.make_missing(EndpointNotFound, workspace, "endpoint", endpoint)


def _missing_versions(workspace: str, entities: list[ServedEntity]) -> UpstreamNotFound:
    names = " or ".join(f"{entity.model} version {entity.version}" for entity in entities)
    return ModelVersionNotFound(workspace=workspace, kind="model version", name=names)


def _make_config(endpoint: str, entities: list[ServedEntity]) -> EndpointCoreConfigInput:
    return EndpointCoreConfigInput(
        name=endpoint,
        served_entities=[
            ServedEntityInput(
                name=entity.name,
                entity_name=entity.model,
                entity_version=entity.version,
                workload_size=entity.workload_size,
                workload_type=ServingModelWorkloadType(entity.workload_type),
                scale_to_zero_enabled=entity.scale_to_zero,
            )
            for entity in entities
        ],
        # Every entity has a route, also at 0 %: whether one may be left out nobody could verify.
        traffic_config=TrafficConfig(
            [Route(traffic_percentage=entity.traffic, served_model_name=entity.name) for entity in entities]
        ),
    )


def _make_tags(tags: dict[str, str]) -> list[EndpointTag]:
    return [EndpointTag(key, value) for key, value in sorted(tags.items())]


def _shows(found: Endpoint, entities: list[ServedEntity]) -> bool:
    states = found.pending if found.update == "IN_PROGRESS" else found.active
    return {state.entity for state in states or []} == set(entities)


def _as_listed(found: ServingEndpoint) -> ListedEndpoint:
    entities = (found.config.served_entities if found.config else None) or []
    return ListedEndpoint(
        name=str(found.name),
        creator=found.creator,
        ready=_is_ready(found.state),
        update=_read_update(found.state),
        serves=[(item.name or "", item.entity_name or "", item.entity_version or "") for item in entities],
        tags={tag.key: tag.value or "" for tag in found.tags or []},
        created_at=as_time(found.creation_timestamp),
        updated_at=as_time(found.last_updated_timestamp),
    )


def _as_endpoint(found: ServingEndpointDetailed) -> Endpoint:
    config, pending = found.config, found.pending_config
    return Endpoint(
        name=str(found.name),
        id=found.id,
        creator=found.creator,
        ready=_is_ready(found.state),
        update=_read_update(found.state),
        active=_as_states(config.served_entities, config.traffic_config) if config else [],
        pending=_as_states(pending.served_entities, pending.traffic_config) if pending else None,
        tags={tag.key: tag.value or "" for tag in found.tags or []},
        created_at=as_time(found.creation_timestamp),
        updated_at=as_time(found.last_updated_timestamp),
    )


def _is_ready(state: EndpointState | None) -> bool:
    return bool(state and state.ready and state.ready.value == "READY")


def _read_update(state: EndpointState | None) -> str:
    return state.config_update.value if state and state.config_update else "UNKNOWN"


def _as_states(entities: list[ServedEntityOutput] | None, traffic: TrafficConfig | None) -> list[EntityState]:
    routes = (traffic.routes if traffic else None) or []
    shares = {route.served_entity_name or route.served_model_name: route.traffic_percentage for route in routes}
    return [_as_state(entity, shares.get(entity.name, 0)) for entity in entities or []]


def _as_state(found: ServedEntityOutput, traffic: int) -> EntityState:
    entity = ServedEntity(
        name=found.name or "",
        model=found.entity_name or "",
        version=found.entity_version or "",
        traffic=traffic,
        workload_size=found.workload_size,
        workload_type=found.workload_type.value if found.workload_type else "CPU",
        scale_to_zero=bool(found.scale_to_zero_enabled),
    )
    state = found.state
    word = state.deployment.value if state and state.deployment else "UNKNOWN"
    message = (state.deployment_state_message if state else None) or ""
    return EntityState(entity, word, message, as_time(found.creation_timestamp))
