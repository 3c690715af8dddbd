"""Who may read and write the artifacts of an experiment? Its access control list; creator and admins may all."""

from databricks.sdk.service.ml import (
    ExperimentAccessControlRequest,
    ExperimentAccessControlResponse,
    ExperimentPermission,
    ExperimentPermissionLevel,
    ExperimentPermissions,
)

from app.sandbox import errors, names
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
PATH = "/api/2.0/permissions/experiments/{id}"
_BODY = {"access_control_list": [ExperimentAccessControlRequest]}
# From the least to the most; each includes those before it.
_LEVELS = ("CAN_READ", "CAN_EDIT", "CAN_MANAGE")
_KIND = "experiment-permissions"


@routes.get(PATH)
def get_permissions(call: Call) -> ExperimentPermissions:
    """Who has what."""
    return _shape(call, _get(call))


@routes.put(PATH, body=_BODY)
def set_permissions(call: Call) -> ExperimentPermissions:
    """Replaces everything that was granted."""
    return _write(call, {**_get(call), "levels": {}})


@routes.patch(PATH, body=_BODY)
def update_permissions(call: Call) -> ExperimentPermissions:
    """Grants these levels, leaves the others."""
    return _write(call, _get(call))


def own(call: Call, experiment_id: str, everybody: str | None) -> None:
    """The caller made the experiment; `everybody` is the level that all members have on it."""
    known: Document = {"owner": call.principal, "everybody": everybody, "levels": {}}
    call.state.put(_KIND, call.workspace.name, experiment_id, known)


def require(call: Call, experiment_id: str, level: str) -> None:
    """403 unless the caller has the level, or a higher one; 404 when there is no such experiment."""
    known = call.state.find(_KIND, call.workspace.name, experiment_id)
    if known is None:
        raise errors.not_found("experiment", experiment_id)
    if call.is_admin or known["owner"] == call.principal:
        return
    held = [one for one in (known["everybody"], known["levels"].get(call.principal)) if one]
    if not any(_LEVELS.index(one) >= _LEVELS.index(level) for one in held):
        raise errors.denied(f"{call.principal} does not have {level} permission on experiment {experiment_id}.")


def _get(call: Call) -> Document:
    require(call, call.params["id"], "CAN_MANAGE")
    return call.state.find(_KIND, call.workspace.name, call.params["id"]) or {}


def _write(call: Call, known: Document) -> ExperimentPermissions:
    for entry in call.body.get("access_control_list", []):
        principal = entry.get("service_principal_name") or entry.get("user_name")
        if not principal or not entry.get("permission_level"):
            raise errors.invalid("An entry names a user or a service principal, and a permission_level.")
        known["levels"][names.check_principal(call, principal)] = entry["permission_level"]
    call.state.put(_KIND, call.workspace.name, call.params["id"], known)
    call.record("experiment-permissions-changed", call.params["id"], permissions=known["levels"])
    return _shape(call, known)


def _shape(call: Call, known: Document) -> ExperimentPermissions:
    everything = {**known["levels"], known["owner"]: "CAN_MANAGE"}
    return ExperimentPermissions(
        object_id=f"/experiments/{call.params['id']}",
        object_type="mlflowExperiment",
        access_control_list=[_shape_entry(call, *entry) for entry in sorted(everything.items())],
    )


def _shape_entry(call: Call, principal: str, level: str) -> ExperimentAccessControlResponse:
    is_user = principal == call.workspace.metastore.admin
    return ExperimentAccessControlResponse(
        user_name=principal if is_user else None,
        service_principal_name=None if is_user else principal,
        all_permissions=[ExperimentPermission(inherited=False, permission_level=ExperimentPermissionLevel(level))],
    )
