"""What does a metastore share, and with whom? The provider's side of Delta Sharing: shares of registered models.

A model is shared whole, SELECT is on the share, and the share owner's own rights decide for as long as it is shared.
"""

from typing import Any

from databricks.sdk.service.sharing import (
    PermissionsChange,
    Privilege,
    PrivilegeAssignment,
    SharedDataObjectUpdate,
    ShareInfo,
)

from app.sandbox import errors, grants, names, quotas, shared_objects
from app.sandbox.pages import PAGED, page
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes
from app.sandbox.world import SELF, now_ms

routes = Routes()
BASE = "/api/2.1/unity-catalog/shares"


@routes.post(BASE, body={"name!": str, "comment": str, "storage_root": str})
def create_share(call: Call) -> ShareInfo:
    """Needs CREATE_SHARE; the caller owns it."""
    call.require_on_metastore("CREATE_SHARE")
    name = names.check(call.body["name"], "CreateShare", "share")
    if call.state.find("share", call.metastore, name):
        raise errors.already_exists("share", name, call.world.settings.already_exists_status)
    held = len(call.state.list_all("share", call.metastore))
    quotas.check(call, "shares", held, call.world.settings.shares_per_metastore)
    now = now_ms()
    share: Document = {
        "owner": call.principal,
        "comment": call.body.get("comment"),
        "created_at": now,
        "created_by": call.principal,
        "updated_at": now,
        "updated_by": call.principal,
        "objects": [],
        "recipients": {},
    }
    call.state.put("share", call.metastore, name, share)
    call.record("share-created", name)
    return _shape(call, name, share, with_objects=False)


@routes.get(BASE, query=PAGED)
def list_shares(call: Call) -> dict[str, Any]:
    """Those that the caller owns, or all with USE_SHARE on the metastore; never their objects."""
    return page(
        call,
        "shares",
        call.state.list_all("share", call.metastore),
        lambda entry: _shape(call, *entry, with_objects=False),
        visible=lambda entry: _may_see(call, entry[0]),
    )


@routes.get(BASE + "/{name}", query={"include_shared_data": bool})
def get_share(call: Call) -> ShareInfo:
    """Objects come only when they are asked for [SDK]."""
    name = call.params["name"]
    share = _find_visible(call, name)
    return _shape(call, name, share, with_objects=call.query.get("include_shared_data", False))


@routes.patch(
    BASE + "/{name}",
    body={
        "updates": [SharedDataObjectUpdate],
        "comment": str,
        "new_name": str,
        "owner": str,
        "storage_root": str,
    },
)
def update_share(call: Call) -> ShareInfo:
    """The owner's to do; a metastore admin who is not the owner may only give it another owner [SDK]."""
    name = call.params["name"]
    share = _find(call, name)
    if set(call.body) - {"name"} != {"owner"} and not call.owns("share", name):
        raise errors.denied(f"User is not an owner of Share '{name}'.")
    call.require_owner("share", name)
    if len(call.body.get("updates", [])) > 100:
        raise errors.invalid("At most 100 updates can be made to a share at once.")
    for update in call.body.get("updates", []):
        shared_objects.apply(call, name, share, update)
    if "owner" in call.body:
        names.check_principal(call, call.body["owner"])
    share |= {key: call.body[key] for key in ("comment", "owner") if key in call.body}
    share |= {"updated_at": now_ms(), "updated_by": call.principal}
    name = _rename(call, name, share)
    call.state.put("share", call.metastore, name, share)
    return _shape(call, name, share, with_objects=True)


@routes.delete(BASE + "/{name}")
def delete_share(call: Call) -> None:
    """Recipients lose all of it at once."""
    name = call.params["name"]
    _find(call, name)
    if not call.owns("share", name):
        raise errors.denied(f"User is not an owner of Share '{name}'.")
    call.state.remove("share", call.metastore, name)
    call.record("share-deleted", name)


@routes.get(BASE + "/{name}/permissions", query=PAGED)
def get_permissions(call: Call) -> dict[str, Any]:
    """Which recipients have SELECT."""
    share = _find_visible(call, call.params["name"])
    return page(call, "privilege_assignments", sorted(share["recipients"]), _assignment)


@routes.patch(BASE + "/{name}/permissions", body={"changes": [PermissionsChange], "omit_permissions_list": bool})
def update_permissions(call: Call) -> dict[str, Any]:
    """Needs to own the share or SET_SHARE_PERMISSION, and to own the recipient or USE_RECIPIENT [DOC]."""
    name = call.params["name"]
    share = _find(call, name)
    if not call.owns("share", name):
        call.require_on_metastore("SET_SHARE_PERMISSION")
    for change in call.body.get("changes", []):
        _change_permission(call, name, share, change)
    call.state.put("share", call.metastore, name, share)
    if call.body.get("omit_permissions_list"):
        return {}
    return {"privilege_assignments": [_assignment(recipient).as_dict() for recipient in sorted(share["recipients"])]}


def _find(call: Call, name: str) -> Document:
    share = call.state.find("share", call.metastore, name)
    if share is None:
        raise errors.not_found("share", name)
    return share


def _find_visible(call: Call, name: str) -> Document:
    share = _find(call, name)
    if not _may_see(call, name):
        raise errors.lacking("USE_SHARE", "share", name)
    return share


def _may_see(call: Call, name: str) -> bool:
    metastore_id = call.workspace.metastore.id
    return call.owns("share", name) or grants.holds(
        call.state, call.metastore, call.principal, "USE_SHARE", "metastore", metastore_id
    )


def _shape(call: Call, name: str, share: Document, *, with_objects: bool) -> ShareInfo:
    return ShareInfo(
        name=name,
        owner=share["owner"],
        comment=share["comment"],
        created_at=share["created_at"],
        created_by=share["created_by"],
        updated_at=share["updated_at"],
        updated_by=share["updated_by"],
        objects=[shared_objects.shape(call, share, entry) for entry in share["objects"]] if with_objects else None,
    )


def _rename(call: Call, name: str, share: Document) -> str:
    new_name = call.body.get("new_name", name)
    if new_name == name:
        return name
    names.check(new_name, "UpdateShare", "share")
    call.require_on_metastore("CREATE_SHARE")
    if call.state.find("share", call.metastore, new_name):
        raise errors.already_exists("share", new_name, call.world.settings.already_exists_status)
    call.state.remove("share", call.metastore, name)
    return str(new_name)


def _change_permission(call: Call, share_name: str, share: Document, change: Document) -> None:
    recipient, add, remove = change.get("principal", ""), change.get("add", []), change.get("remove", [])
    known = call.state.find("recipient", call.metastore, recipient)
    if known is None and recipient != SELF:
        raise errors.not_found("recipient", recipient)
    if known and not call.owns("recipient", recipient):
        call.require_on_metastore("USE_RECIPIENT")
    if set(add) & set(remove):
        raise errors.invalid(f"Duplicate privileges to add and delete for principal {recipient}.")
    if {*add, *remove} - {"SELECT"}:
        raise errors.invalid("Only SELECT can be granted on a share.")
    had = recipient in share["recipients"]
    if add:
        share["recipients"].setdefault(recipient, now_ms())
    elif remove:
        share["recipients"].pop(recipient, None)
    if had != (recipient in share["recipients"]):
        call.record("grant-changed", share_name, securable="share", grantee=recipient, add=add, remove=remove)


def _assignment(recipient: str) -> PrivilegeAssignment:
    return PrivilegeAssignment(principal=recipient, privileges=[Privilege.SELECT])
