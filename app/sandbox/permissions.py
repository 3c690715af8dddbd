"""What was granted to whom on a Unity Catalog object? The permissions API; the rules are those of grants.py."""

from enum import Enum
from typing import Any

from databricks.sdk.service.catalog import PermissionsChange, Privilege

from app.sandbox import errors, grants, models, names, securables
from app.sandbox.fields import fields_of
from app.sandbox.pages import PAGED, page
from app.sandbox.wire import Call, Routes

routes = Routes()
PATH = "/api/2.1/unity-catalog/permissions/{type}/{full_name}"
_PARTS = {"catalog": 1, "schema": 2, "volume": 3, "function": 3, "table": 3}
# What a type of securable may be in a share; a registered model is a function [DOC].
_SHAREABLE = {"function": ("MODEL", "FUNCTION"), "table": ("TABLE",)}
_QUERY = {**PAGED, "principal": str}
_LEAST = 150
# The SDK's enum lacks one that its own texts name.
_NEWER = {"CREATE_EXTERNAL_METADATA": "CREATE_EXTERNAL_METADATA"}
_Privilege = Enum("_Privilege", {**{one.name: one.value for one in Privilege}, **_NEWER})  # type: ignore[misc]
_CHANGE = {**fields_of(PermissionsChange), "add": [_Privilege], "remove": [_Privilege]}


@routes.get(PATH, query=_QUERY)
def get_permissions(call: Call) -> dict[str, Any]:
    """What was granted on the object itself, as far as the caller may know."""
    kind, name = _read_object(call)
    seen = _read_seen(call, kind, name)
    granted = grants.get_assignments(call.state, call.metastore, kind, name)
    shown = [entry for entry in granted.items() if seen is None or entry[0] in seen]
    return page(call, "privilege_assignments", shown, _shape)


@routes.patch(PATH, body={"changes": [_CHANGE], "omit_permissions_in_response": bool})
def update_permissions(call: Call) -> dict[str, Any]:
    """For owners of the object or a parent, holders of MANAGE, and metastore admins [DOC]."""
    kind, name = _read_object(call)
    call.require_owner(kind, name, or_parent=True)
    changes = call.body.get("changes", [])
    granted = grants.change_assignments(call.state, call.metastore, kind, name, changes)
    call.record("grant-changed", name, securable_type=kind, changes=changes)
    if call.body.get("omit_permissions_in_response"):
        return {}
    return {"privilege_assignments": [_shape(entry) for entry in granted.items()]}


@routes.get("/api/2.1/unity-catalog/effective-permissions/{type}/{full_name}", query=_QUERY)
def get_effective_permissions(call: Call) -> dict[str, Any]:
    """What is granted there, also by its parents, which are then named, as far as the caller may know."""
    kind, name = _read_object(call)
    seen = _read_seen(call, kind, name)
    found: dict[str, list[dict[str, Any]]] = {}
    for place_kind, place in grants.list_places(kind, name):
        for grantee, privileges in grants.get_assignments(call.state, call.metastore, place_kind, place).items():
            inherited = (
                {} if place == name else {"inherited_from_type": place_kind.upper(), "inherited_from_name": place}
            )
            if seen is None or grantee in seen:
                told = ({"privilege": privilege, **inherited} for privilege in privileges)
                found.setdefault(grantee, []).extend(told)
    return page(call, "privilege_assignments", list(found.items()), _shape)


def _read_object(call: Call) -> tuple[str, str]:
    kind, name = call.params["type"].lower(), call.params["full_name"]
    if kind in {"function", "model"} and call.world.settings.model_securable_type == "MODEL":
        kind = _read_kind(call, kind, name)
    if kind == "metastore":
        if name != call.workspace.metastore.id:
            raise errors.not_found("metastore", name)
        return kind, name
    if kind not in _PARTS:
        allowed = ", ".join(sorted([*_PARTS, "metastore"]))
        raise errors.invalid(f"The sandbox knows permissions on {allowed} only, not on '{call.params['type']}'.")
    name = names.full(name, _PARTS[kind])
    if kind in _SHAREABLE:
        if not any(securables.find_located(call, object_type, name) for object_type in _SHAREABLE[kind]):
            raise errors.not_found(kind, name)
    elif kind == "schema" and models.is_shared(call, name):
        securables.require_parents(call, name)
    else:
        securables.get(call, kind, name)
    return kind, name


def _read_kind(call: Call, kind: str, name: str) -> str:
    """The variant in which a model is granted on as MODEL, and only as that."""
    is_model = securables.find_located(call, "MODEL", name) is not None
    if is_model != (kind == "model"):
        raise errors.not_found(kind, name)
    return "function"


def _may_manage(call: Call, kind: str, name: str) -> bool:
    try:
        call.require_owner(kind, name, or_parent=True)
    except errors.PlatformError:
        return False
    return True


def _read_seen(call: Call, kind: str, name: str) -> set[str] | None:
    """Whose grants the call asks for and may see; None for everybody's.

    Others than those who manage the object see their own, and are refused who ask for somebody else's by name. A page
    of one to 149 privileges is refused: it might not hold all of one grantee [SDK].
    """
    if 0 < call.query.get("max_results", 0) < _LEAST:
        raise errors.invalid(f"max_results must be 0 or at least {_LEAST}.")
    only = call.query.get("principal")
    if _may_manage(call, kind, name):
        return None if only is None else {only}
    if only not in (None, call.principal):
        raise errors.lacking("MANAGE", kind, name)
    return grants.list_identities(call.state, call.metastore, call.principal) if only is None else {call.principal}


def _shape(entry: tuple[str, Any]) -> dict[str, Any]:
    return {"principal": entry[0], "privileges": entry[1]}
