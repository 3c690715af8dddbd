"""Is this a configuration that an endpoint can have? Served entities and the traffic between them, checked.

The platform's rules: names, sizes, percentages that sum up to 100, and the EXECUTE of caller and creator on each model.
"""

import re
import uuid
from dataclasses import replace
from typing import Any

from app.sandbox import errors, models
from app.sandbox.scim import require_workspace_access
from app.sandbox.state import Document
from app.sandbox.wire import Call
from app.sandbox.world import now_ms

NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")
# Requests at the same time [DOC].
CONCURRENCY = {"Small": 4, "Medium": 16, "Large": 64}
_KNOWN = {
    *("name", "entity_name", "entity_version", "workload_size", "workload_type", "scale_to_zero_enabled"),
    *("min_provisioned_concurrency", "max_provisioned_concurrency", "environment_vars"),
}
# What makes two served entities the same, so that a running server is kept through an update.
_IDENTITY = (
    "name",
    "entity_name",
    "entity_version",
    "environment_vars",
    "workload_size",
    "max_provisioned_concurrency",
)


def make(call: Call, wanted: Document, creator: str, active: Document | None, version: int) -> Document:
    """The configuration that the request wants, as it is kept; raises the platform's errors for a bad one.

    An entity that is in the active configuration already keeps its server.
    """
    for field in ("served_models", "auto_capture_config"):
        if wanted.get(field):
            raise errors.PlatformError(501, "NOT_IMPLEMENTED", f"The sandbox does not know an endpoint's '{field}'.")
    given = wanted.get("served_entities") or []
    if not 1 <= len(given) <= 10:
        raise errors.invalid("An endpoint must have between 1 and 10 served entities.")
    entities = [_make_entity(call, entity, creator) for entity in given]
    names = [entity["name"] for entity in entities]
    if len(set(names)) != len(names):
        raise errors.invalid("The names of served entities must be unique in an endpoint.")
    known = {_identity(entity): entity for entity in (active or {}).get("entities", [])}
    return {
        "version": version,
        "entities": [known.get(_identity(entity), entity) for entity in entities],
        "routes": _make_routes(
            (wanted.get("traffic_config") or {}).get("routes") or [],
            names,
            complete=call.world.settings.complete_routes,
        ),
        "started_at": now_ms(),
    }


def concurrency(entity: Document) -> int:
    """How many requests the entity works on at the same time."""
    return int(entity.get("max_provisioned_concurrency") or CONCURRENCY[entity["workload_size"]])


def _make_entity(call: Call, entity: Document, creator: str) -> Document:
    for field in entity:
        if field not in _KNOWN:
            raise errors.PlatformError(501, "NOT_IMPLEMENTED", f"The sandbox knows no served entity with '{field}'.")
    for field in ("entity_name", "entity_version"):
        if not entity.get(field):
            raise errors.invalid(f"Missing required field: served_entities.{field}")
    if not entity["entity_version"].isdigit():
        raise errors.invalid(f"entity_version '{entity['entity_version']}' is not a version number.")
    version = _check_model(call, entity, creator)
    short = entity["entity_name"].rpartition(".")[2]
    name = entity.get("name") or f"{short}-{entity['entity_version']}"
    if not NAME.fullmatch(name):
        raise errors.invalid(f"Invalid served entity name '{name}': letters, digits, dashes and underscores only.")
    for value in entity.get("environment_vars", {}).values():
        if "{{" in value:
            raise errors.PlatformError(501, "NOT_IMPLEMENTED", "The sandbox has no secrets.")
    return {
        **entity,
        **_size(entity),
        "name": name,
        "entity_name": version.model.name,
        "id": uuid.uuid4().hex,
        "source": str(models.get_folder(call, version)),
        "unshared": models.list_unshared_dependencies(call, version),
        "creator": call.principal,
        "created_at": now_ms(),
    }


def _check_model(call: Call, entity: Document, creator: str) -> models.Version:
    """The version, which caller and creator may both load; asked at every create and update [DOC]."""
    for principal in (call.principal, creator):
        require_workspace_access(call, principal)
        model = models.get(replace(call, principal=principal), entity["entity_name"])
    version = models.find_version(call, model, int(entity["entity_version"]))
    if version.document["status"] != models.READY:
        raise errors.invalid(
            f"Version {version.number} of '{model.name}' is {version.document['status']}; only a READY one is served."
        )
    return version


def _size(entity: Document) -> dict[str, Any]:
    limits = [entity.get("min_provisioned_concurrency"), entity.get("max_provisioned_concurrency")]
    if limits == [None, None]:
        size = entity.get("workload_size", "Small")
        if size not in CONCURRENCY:
            raise errors.invalid(f"Invalid workload_size '{size}'. Expected one of: {', '.join(CONCURRENCY)}")
        return {"workload_size": size}
    if "workload_size" in entity:
        raise errors.invalid("workload_size and provisioned concurrency cannot both be given.")
    if None in limits or any(limit % 4 for limit in limits if limit) or (limits[0] or 0) > (limits[1] or 0):
        raise errors.invalid("Provisioned concurrency needs a minimum and a maximum, both multiples of 4.")
    return {}


def _make_routes(given: list[Document], names: list[str], *, complete: bool) -> dict[str, int]:
    """Percentage by served entity; 0 is allowed, and whether one may be left out is a variant."""
    if not given:
        if len(names) > 1:
            raise errors.invalid("traffic_config is required for an endpoint with more than one served entity.")
        return {names[0]: 100}
    routes: dict[str, int] = {}
    for route in given:
        name = route.get("served_model_name") or route.get("served_entity_name") or ""
        if name not in names:
            raise errors.invalid(f"Traffic is routed to '{name}', which is not among the served entities.")
        if name in routes or not 0 <= route["traffic_percentage"] <= 100:
            raise errors.invalid(f"The route to '{name}' is given twice, or is not between 0 and 100 percent.")
        routes[name] = route["traffic_percentage"]
    if not complete:
        routes = dict.fromkeys(names, 0) | routes
    if missing := set(names) - set(routes):
        raise errors.invalid(f"traffic_config has no route to {', '.join(sorted(missing))}.")
    if sum(routes.values()) != 100:
        raise errors.invalid(f"Traffic percentages must sum up to 100, but sum up to {sum(routes.values())}.")
    return routes


def _identity(entity: Document) -> str:
    return repr([entity.get(field) for field in _IDENTITY])
