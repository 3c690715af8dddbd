"""Which groups are there, and who is in them? SCIM: made by an admin; a group may own things and be granted them."""

from typing import Any

from databricks.sdk.service.iam import ComplexValue, Group, GroupSchema
from starlette.responses import JSONResponse

from app.sandbox import errors, grants
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
BASE = "/api/2.0/preview/scim/v2/Groups"
_BODY = {
    "displayName!": str,
    "members": [{"value!": str, "display": str, "type": str, "$ref": str, "primary": bool}],
    "schemas": [str],
    **dict.fromkeys(("externalId", "id"), str),
    "meta": object,
    **{key: [object] for key in ("entitlements", "groups", "roles")},
}
_LISTING = {
    **dict.fromkeys(("attributes", "excludedAttributes", "filter", "sortBy", "sortOrder"), str),
    **dict.fromkeys(("startIndex", "count"), int),
}


@routes.post(BASE, body=_BODY)
def create_group(call: Call) -> JSONResponse:
    """Members are named by their numeric ids; groups in groups are not known."""
    call.require_admin()
    name = call.body["displayName"]
    if grants.is_known(call.state, call.metastore, name):
        raise _scim_error(409, f"Group with name {name} already exists.")
    number = str(10**9 + call.state.next_number(f"principal/{call.metastore}"))
    group = call.state.put("group", call.metastore, name, {"id": number, "members": _read_members(call)})
    call.record("group-created", name, members=group["members"])
    return JSONResponse(_shape(name, group).as_dict(), 201)


@routes.get(BASE, query=_LISTING)
def list_groups(call: Call) -> dict[str, Any]:
    """All of them, on one page; filters are not known."""
    if call.query.get("filter"):
        raise _scim_error(400, f"The sandbox does not know this filter: {call.query['filter']}")
    found = [_shape(*entry).as_dict() for entry in call.state.list_all("group", call.metastore)]
    start = max(call.query.get("startIndex", 1), 1) - 1
    shown = found[start : start + call.query.get("count", 100)]
    return {"totalResults": len(found), "startIndex": start + 1, "itemsPerPage": len(shown), "Resources": shown}


@routes.get(BASE + "/{id}")
def get_group(call: Call) -> Group:
    """One, by its numeric id."""
    return _shape(*_find(call))


@routes.put(BASE + "/{id}", body=_BODY)
def update_group(call: Call) -> None:
    """Replaces the members; the name stays."""
    call.require_admin()
    name, group = _find(call)
    call.state.put("group", call.metastore, name, {**group, "members": _read_members(call)})
    call.record("group-changed", name, members=_read_members(call))


@routes.delete(BASE + "/{id}")
def delete_group(call: Call) -> None:
    """Nobody is in it any more; what it owned stays its own, and so nobody's."""
    call.require_admin()
    name, _ = _find(call)
    call.state.remove("group", call.metastore, name)
    call.record("group-deleted", name)


def _read_members(call: Call) -> list[str]:
    known = {principal["id"] for _, principal in call.state.list_all("principal", call.metastore)}
    members = [member["value"] for member in call.body.get("members", [])]
    for member in members:
        if member not in known:
            raise _scim_error(404, f"Principal with id {member} not found.")
    return members


def _find(call: Call) -> tuple[str, Document]:
    for name, group in call.state.list_all("group", call.metastore):
        if group["id"] == call.params["id"]:
            return name, group
    raise _scim_error(404, f"Group with id {call.params['id']} not found.")


def _shape(name: str, group: Document) -> Group:
    return Group(
        schemas=[GroupSchema.URN_IETF_PARAMS_SCIM_SCHEMAS_CORE_2_0_GROUP],
        id=group["id"],
        display_name=name,
        members=[ComplexValue(value=member) for member in group["members"]],
    )


def _scim_error(status: int, detail: str) -> errors.PlatformError:
    schema = "urn:ietf:params:scim:api:messages:2.0:Error"
    return errors.PlatformError(status, "SCIM", detail, body={"schemas": [schema], "detail": detail, "status": status})
