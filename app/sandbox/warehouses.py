"""Which SQL warehouses are there, and who may use them? Made, read and granted; none of them runs a statement."""

import secrets
from typing import Any

from databricks.sdk.service.sql import (
    Channel,
    CreateWarehouseRequestWarehouseType,
    EndpointTags,
    GetWarehouseResponse,
    SpotInstancePolicy,
    State,
    WarehouseAccessControlRequest,
    WarehouseAccessControlResponse,
    WarehousePermission,
    WarehousePermissionLevel,
    WarehousePermissions,
)

from app.sandbox import errors, names
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
PATH = "/api/2.0/sql/warehouses"
PERMISSIONS = "/api/2.0/permissions/warehouses/{id}"


@routes.post(
    PATH,
    body={
        "name!": str,
        "cluster_size!": str,
        **dict.fromkeys(("auto_stop_mins", "max_num_clusters", "min_num_clusters"), int),
        **dict.fromkeys(("enable_photon", "enable_serverless_compute"), bool),
        **dict.fromkeys(("creator_name", "instance_profile_arn"), str),
        "channel": Channel,
        "spot_instance_policy": SpotInstancePolicy,
        "tags": EndpointTags,
        "warehouse_type": CreateWarehouseRequestWarehouseType,
    },
)
def create_warehouse(call: Call) -> dict[str, Any]:
    """Made by the admin; stopped, and started by whoever uses it."""
    call.require_admin()
    warehouse = {"name": call.body["name"], "cluster_size": call.body["cluster_size"], "creator": call.principal}
    number = secrets.token_hex(8)
    call.state.put("warehouse", call.workspace.name, number, {**warehouse, "permissions": {}})
    call.record("warehouse-created", call.body["name"])
    return {"id": number}


@routes.get(PATH + "/{id}")
def get_warehouse(call: Call) -> GetWarehouseResponse:
    """For those who have a permission on it, and for admins."""
    number, warehouse = _find(call)
    if not call.is_admin and call.principal not in warehouse["permissions"]:
        raise errors.denied(f"{call.principal} does not have permission to view SQL warehouse {number}.")
    return GetWarehouseResponse(
        id=number,
        name=warehouse["name"],
        cluster_size=warehouse["cluster_size"],
        creator_name=warehouse["creator"],
        state=State.STOPPED,
    )


@routes.get(PERMISSIONS)
def get_permissions(call: Call) -> WarehousePermissions:
    """For admins."""
    call.require_admin()
    return _show(*_find(call))


@routes.patch(PERMISSIONS, body={"access_control_list!": [WarehouseAccessControlRequest]})
def update_permissions(call: Call) -> WarehousePermissions:
    """Adds to the list; admins may."""
    call.require_admin()
    number, warehouse = _find(call)
    for entry in call.body["access_control_list"]:
        principal = entry.get("user_name") or entry.get("service_principal_name")
        if not principal or not entry.get("permission_level"):
            raise errors.invalid("An entry names a user or a service principal, and a permission_level.")
        warehouse["permissions"][names.check_principal(call, principal)] = entry["permission_level"]
    call.state.put("warehouse", call.workspace.name, number, warehouse)
    call.record("warehouse-permissions-changed", warehouse["name"], permissions=warehouse["permissions"])
    return _show(number, warehouse)


def _find(call: Call) -> tuple[str, Document]:
    number = call.params["id"]
    warehouse = call.state.find("warehouse", call.workspace.name, number)
    if warehouse is None:
        message = f"SQL warehouse {number} does not exist."
        raise errors.PlatformError(404, "RESOURCE_DOES_NOT_EXIST", message)
    return number, warehouse


def _show(number: str, warehouse: Document) -> WarehousePermissions:
    entries = [
        WarehouseAccessControlResponse(
            service_principal_name=principal,
            all_permissions=[WarehousePermission(permission_level=WarehousePermissionLevel(level), inherited=False)],
        )
        for principal, level in sorted(warehouse["permissions"].items())
    ]
    return WarehousePermissions(
        object_id=f"/sql/warehouses/{number}", object_type="warehouses", access_control_list=entries
    )
