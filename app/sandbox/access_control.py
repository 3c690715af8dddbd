"""Who may do what with an object of a workspace (an experiment, an endpoint)? The API under /api/2.0/permissions.

The creator manages; admins manage everything; everybody else has what was granted.
"""

from typing import Any

from databricks.sdk.service.iam import (
    AccessControlRequest,
    AccessControlResponse,
    ObjectPermissions,
    Permission,
    PermissionLevel,
)

from app.sandbox import errors, names
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
PATH = "/api/2.0/permissions/{type}/{id}"
# From the least to the most; each level includes those before it.
LEVELS = {
    "experiments": ("CAN_READ", "CAN_EDIT", "CAN_MANAGE"),
    "serving-endpoints": ("CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"),
}
_BODY = {"access_control_list": [AccessControlRequest]}


def own(call: Call, object_type: str, number: str, everybody: str | None = None) -> None:
    """The caller made this object; `everybody` is the level that all members have on it."""
    known: Document = {"owner": call.principal, "everybody": everybody, "levels": {}}
    call.state.put("access", call.workspace.name, f"{object_type}/{number}", known)


def forget(call: Call, object_type: str, number: str) -> None:
    """The object is gone."""
    call.state.remove("access", call.workspace.name, f"{object_type}/{number}")


def may(call: Call, object_type: str, number: str, level: str) -> bool:
    """Whether the caller has the level, or a higher one, on the object."""
    known = call.state.find("access", call.workspace.name, f"{object_type}/{number}")
    if known is None or call.is_admin or known["owner"] == call.principal:
        return call.is_admin or known is not None
    order = LEVELS[object_type]
    held = [one for one in (known["everybody"], known["levels"].get(call.principal)) if one]
    return any(order.index(one) >= order.index(level) for one in held)


def require(call: Call, object_type: str, number: str, level: str) -> None:
    """403 unless the caller has the level."""
    if not may(call, object_type, number, level):
        raise errors.denied(f"{call.principal} does not have {level} permission on {object_type}/{number}.")


@routes.get(PATH)
def get_permissions(call: Call) -> ObjectPermissions:
    """Who has what."""
    return _shape(call, _get(call))


@routes.put(PATH, body=_BODY)
def set_permissions(call: Call) -> ObjectPermissions:
    """Replaces everything that was granted."""
    return _write(call, {**_get(call), "levels": {}})


@routes.patch(PATH, body=_BODY)
def update_permissions(call: Call) -> ObjectPermissions:
    """Grants these levels, leaves the others."""
    return _write(call, _get(call))


def _get(call: Call) -> Document:
    object_type, number = call.params["type"], call.params["id"]
    if object_type not in LEVELS:
        raise errors.unimplemented(call.request.method, call.request.url.path)
    known = call.state.find("access", call.workspace.name, f"{object_type}/{number}")
    if known is None:
        raise errors.not_found(object_type, number)
    require(call, object_type, number, "CAN_MANAGE")
    return known


def _write(call: Call, known: Document) -> ObjectPermissions:
    object_type = call.params["type"]
    for entry in call.body.get("access_control_list", []):
        principal = entry.get("service_principal_name") or entry.get("user_name")
        if not principal:
            raise errors.invalid("The sandbox grants to service_principal_name and user_name only.")
        names.check_principal(call, principal)
        if entry.get("permission_level") not in LEVELS[object_type]:
            raise errors.invalid(f"Permission level must be one of {', '.join(LEVELS[object_type])}.")
        known["levels"][principal] = entry["permission_level"]
    call.state.put("access", call.workspace.name, f"{object_type}/{call.params['id']}", known)
    call.record("grant-changed", f"{object_type}/{call.params['id']}", levels=known["levels"])
    return _shape(call, known)


def _shape(call: Call, known: Document) -> ObjectPermissions:
    everything = {**known["levels"], known["owner"]: "CAN_MANAGE"}
    return ObjectPermissions(
        object_id=f"/{call.params['type']}/{call.params['id']}",
        object_type=call.params["type"].removesuffix("s"),
        access_control_list=[_shape_entry(*entry) for entry in sorted(everything.items())],
    )


def _shape_entry(principal: str, level: str) -> AccessControlResponse:
    permissions: list[Any] = [Permission(inherited=False, permission_level=PermissionLevel(level))]
    name = {"user_name" if "@" in principal else "service_principal_name": principal}
    return AccessControlResponse(all_permissions=permissions, **name)
