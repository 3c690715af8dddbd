"""Who may view, query and manage an endpoint? Its access control list; creator and admins may do everything."""

from typing import Any

from databricks.sdk.service.serving import (
    ServingEndpointAccessControlRequest,
    ServingEndpointAccessControlResponse,
    ServingEndpointPermission,
    ServingEndpointPermissionLevel,
    ServingEndpointPermissions,
)

from app.sandbox import errors, names
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
BASE = "/api/2.0/permissions/serving-endpoints/{id}"
LEVELS = ("", "CAN_VIEW", "CAN_QUERY", "CAN_MANAGE")
_BODY = {"access_control_list": [ServingEndpointAccessControlRequest]}


@routes.get(BASE)
def get_permissions(call: Call) -> ServingEndpointPermissions:
    """By the endpoint's id, not by its name [SDK]."""
    _, endpoint = _find(call)
    return _show(call, endpoint)


@routes.put(BASE, body=_BODY)
def set_permissions(call: Call) -> ServingEndpointPermissions:
    """Replaces the list."""
    return _change(call, {})


@routes.patch(BASE, body=_BODY)
def update_permissions(call: Call) -> ServingEndpointPermissions:
    """Adds to the list."""
    return _change(call, None)


def allows(call: Call, endpoint: Document, level: str) -> bool:
    """Whether the caller has this level on the endpoint, or a higher one."""
    return LEVELS.index(level_of(call, endpoint) or "") >= LEVELS.index(level)


def level_of(call: Call, endpoint: Document) -> str | None:
    """The caller's level on the endpoint."""
    if call.is_admin or call.principal == endpoint["creator"]:
        return "CAN_MANAGE"
    granted: str | None = endpoint["permissions"].get(call.principal)
    return granted


def _find(call: Call) -> tuple[str, Document]:
    for name, endpoint in call.state.list_all("endpoint", call.workspace.name):
        if endpoint["id"] == call.params["id"]:
            if not allows(call, endpoint, "CAN_MANAGE"):
                raise errors.denied(f"User {call.principal} does not have CAN_MANAGE permission on endpoint '{name}'.")
            return name, endpoint
    message = f"Endpoint with id '{call.params['id']}' does not exist."
    raise errors.PlatformError(404, "RESOURCE_DOES_NOT_EXIST", message)


def _change(call: Call, before: dict[str, str] | None) -> ServingEndpointPermissions:
    name, endpoint = _find(call)
    granted: dict[str, str] = endpoint["permissions"] if before is None else before
    for entry in call.body.get("access_control_list", []):
        principal = entry.get("user_name") or entry.get("service_principal_name")
        if not principal or not entry.get("permission_level"):
            raise errors.invalid("An entry names a user or a service principal, and a permission_level.")
        granted[names.check_principal(call, principal)] = entry["permission_level"]
    endpoint["permissions"] = granted
    call.state.put("endpoint", call.workspace.name, name, endpoint)
    call.record("endpoint-permissions-changed", name, permissions=granted)
    return _show(call, endpoint)


def _show(call: Call, endpoint: Document) -> ServingEndpointPermissions:
    granted = {**endpoint["permissions"], endpoint["creator"]: "CAN_MANAGE"}
    return ServingEndpointPermissions(
        object_id=f"/serving-endpoints/{endpoint['id']}",
        object_type="serving-endpoint",
        access_control_list=[_show_entry(call, principal, level) for principal, level in sorted(granted.items())],
    )


def _show_entry(call: Call, principal: str, level: str) -> ServingEndpointAccessControlResponse:
    known: dict[str, Any] = call.state.find("principal", call.metastore, principal) or {}
    is_user = known.get("kind") == "user"
    return ServingEndpointAccessControlResponse(
        user_name=principal if is_user else None,
        service_principal_name=None if is_user else principal,
        display_name=known.get("display_name"),
        all_permissions=[
            ServingEndpointPermission(inherited=False, permission_level=ServingEndpointPermissionLevel(level))
        ],
    )
